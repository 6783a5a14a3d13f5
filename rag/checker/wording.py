"""Words that turn a statement round, and words that open sentences, in English and Spanish (negations also de, fr).

Lists and one pattern, folded (no accents, no capitals; the pattern is for de and fr too). What is in none is not noticed.
"""

import re
from typing import Literal

NEGATIONS = {
    "en": frozenset("not no never n't cannot without neither nor none nobody nothing".split()),
    "es": frozenset("no nunca jamas sin ningun ninguna ninguno tampoco nadie nada ni".split()),
    "de": frozenset("nicht kein keine keinen keiner nie niemals ohne weder".split()),
    "fr": frozenset("ne pas jamais aucun aucune sans".split()),
}
# What is denied where these follow a negation is the clause after them.
TRUTH = frozenset("true case correct right fact cierto verdad correcto wahr richtig vrai".split())
# What calls a whole statement untrue, before it or behind it.
UNTRUE = re.compile(
    r"""\b(?:not\ (?:true|correct|the\ case)|untrue|false|a\ (?:myth|lie|misconception))\ that\b
    | \b(?:claims?|statements?|assertion|allegation|belief|idea|notion|rumou?rs?)\ that\b.+
        \b(?:is|are|was|were)\ (?:false|untrue|not\ true|unfounded|a\ (?:myth|lie|misconception))\b
    | \bno\ (?:es|era|fue)\ (?:cierto|verdad|correcto)\ que\b | \bes\ (?:falso|mentira|un\ (?:mito|bulo))\ que\b
    | \b(?:afirmacion|idea|creencia|rumor)\ de\ que\b.+
        \b(?:es\ (?:falsa|falso|un\ (?:mito|bulo))|no\ es\ (?:cierta|cierto|verdad))\b
    | \b(?:stimmt\ nicht|trifft\ nicht\ zu|ist\ (?:nicht\ wahr|falsch|unwahr|ein\ (?:irrtum|mythos)))\s*,\ dass\b
    | \b(?:behauptung|annahme|aussage|gerucht),\ dass\b.+
        \b(?:ist\ (?:falsch|unwahr|ein\ mythos)|stimmt\ nicht|trifft\ nicht\ zu)\b
    | \b(?:est\ faux|n['’]est\ pas\ (?:vrai|exact)|est\ un\ mythe)\ que\b""",
    re.VERBOSE,
)
# Verbs that deny by themselves; with one of them on either side, counting negations proves nothing.
HEDGED_NEGATIONS = frozenset(
    """avoid avoids avoided avoiding fail fails failed refuse refuses refused unable impossible prevent prevents prevented
    lack lacks lacked deny denies denied unless except only rather instead evitar evita evitan impide impedir imposible
    falta carece salvo excepto solo solamente""".split()
)
# Where what is denied ends, and something else begins.
TURNS = frozenset("but however although though whereas pero aunque sino mientras aber sondern obwohl mais".split())
# These deny what stands before them: "eats nothing".
DENYING_OBJECTS = frozenset("nothing nobody nada nadie nichts niemand rien".split())
# "Nothing but", "not only", "not to mention": what follows is so.
NOT_DENYING = frozenset(("but", "only", "just", "merely", "simply", "to mention", "solo", "solamente", "nur"))
# Words of a negation that say nothing themselves: "no longer".
OF_NEGATIONS = frozenset("longer".split())
_OPPOSITE_GROUPS = (
    ("all every each always todos todas siempre", "some sometimes few occasionally algunos algunas pocos"),
    ("before prior antes", "after following despues tras"),
    ("above over exceeds more mas encima supera", "below under less fewer menos debajo"),
    ("minimum least minimo", "maximum most maximo"),
    ("increase increases increased increasing rise rises rose rising grew grow growth aumento aumenta "
     "aumentaron aumentar subio sube crecio crece",
     "decrease decreases decreased decreasing fall falls fell falling decline declined declines drop "
      "dropped reduced disminuyo disminuye bajo baja redujo cayo cae descendio"),
    ("include includes included including incluye incluyen incluido incluida",
     "exclude excludes excluded excluding excluye excluyen excluido excluida"),
    ("allowed permitted allows permits permitido permitida permite",
     "forbidden prohibited prohibits banned prohibido prohibida prohibe"),
    ("mandatory required compulsory obligatorio obligatoria", "optional voluntary opcional voluntario voluntaria"),
    ("first primero primera primer", "last ultimo ultima"),
    ("higher highest mayor superior", "lower lowest menor inferior"),
    ("accept accepts accepted adopt adopts adopted approved aceptado aprobado aprobada",
     "reject rejects rejected denied rechazado rechazada denegado"),
    ("internal interno interna", "external externo externa"),
    ("open opens opened abre abierto abierta", "closed closes close cierra cerrado cerrada"),
    ("true verdadero", "false falso"),
    ("win wins won gano", "lose loses lost perdio"),
    ("profit profits beneficio beneficios", "loss losses perdida perdidas"),
    ("north norte", "south sur"),
    ("east este", "west oeste"),
    ("male men hombres", "female women mujeres"),
    ("start starts began begin begins empieza comienza", "end ends ended termina acaba"),
)  # fmt: skip
OPPOSITES: dict[str, frozenset[str]] = {}
for _left, _right in _OPPOSITE_GROUPS:
    for _side, _other in ((_left, _right), (_right, _left)):
        for _word in _side.split():
            OPPOSITES[_word] = OPPOSITES.get(_word, frozenset()) | frozenset(_other.split())
# "este" is also "this", "bajo" also "under", "mas" only compares: too common to carry an opposite.
for _word in ("este", "bajo", "baja", "sobre"):
    OPPOSITES.pop(_word, None)

# What may be so, or is allowed; a claim that says that it is so needs one of these words, or of those that follow.
POSSIBLE = frozenset("may might could puede pueden podra podran podria podrian konnte konnten".split())
SOFTENED = POSSIBLE | frozenset(
    """can possible possibly potential potentially perhaps maybe likely probable probably suggest suggests seem seems appear
    appears would should option optional optionally allowed permitted able if posible posiblemente quizas tal
    probable probablemente si promise promises promised proposal plan plans hope hopes hoped want wants
    wanted vow vows vowed promete prometio propuesta espera quiere opcion
    opcional permite permitido kann konnen moglich vielleicht wenn falls""".split()
)

_DEGREES = {
    ("modality", "duty"): (
        "must|shall|has to|have to|had to|is required to|are required to|required to|is obliged to|"
        "obligatory|mandatory|compulsory|debe|deben|debera|deberan|tiene que|tienen que|es obligatorio|"
        "obligatorio|obligatoria|muss|mussen|verpflichtet"
    ),
    ("modality", "leave"): (
        "may|might|could|can|is allowed to|are allowed to|optional|optionally|voluntary|voluntarily|puede|"
        "pueden|podra|podran|podria|podrian|optativo|opcional|opcionalmente|voluntario|voluntaria|kann|"
        "konnen|darf|durfen|konnte"
    ),
    ("modality", "advice"): (
        "should|ought to|is recommended|are recommended|recommended|recommends|advises|advised|deberia|"
        "deberian|conviene|se recomienda|recomienda|recomiendan|aconseja|sollte|sollten|empfohlen"
    ),
    ("modality", "plan"): (
        "plans to|planned|is planned|plan to|intends to|intend to|is expected to|are expected to|proposed|"
        "proposes|will|preve|preven|previsto|prevista|planea|planean|se espera|propone|propuesto|propuesta|"
        "tiene previsto|geplant"
    ),
    ("scope", "all"): (
        "all|every|each|always|everyone|everybody|entire|whole|todos|todas|todo|toda|cada|siempre|alle|jeder|"
        "jede|jedes|immer|samtliche"
    ),
    ("scope", "some"): (
        "some|several|sometimes|occasionally|partly|a few|few|many|most|often|usually|half|algunos|algunas|"
        "varios|varias|a veces|pocos|pocas|muchos|muchas|la mayoria|mayoria|a menudo|en parte|la mitad|"
        "einige|manche|manchmal|viele|meisten|oft|teilweise"
    ),
    ("scope", "only"): (
        "only|solely|exclusively|solo|solamente|unicamente|exclusivamente|nur|ausschliesslich"
    ),
    ("scope", "also"): (
        "also|including|as well as|tambien|incluidos|incluidas|incluso|auch|einschliesslich"
    ),
    ("scope", "at least"): (
        "at least|no fewer than|no less than|a minimum of|minimum|al menos|como minimo|por lo menos|"
        "un minimo de|minimo|mindestens"
    ),
    ("scope", "at most"): (
        "at most|up to|no more than|a maximum of|maximum|como maximo|hasta|a lo sumo|un maximo de|maximo|"
        "no mas de|hochstens|maximal|bis zu"
    ),
}  # fmt: skip
# Marker, folded -> (kind of gate, sense).
DEGREES: dict[str, tuple[Literal["modality", "scope"], str]] = {
    phrase: (kind, sense)  # type: ignore[misc]
    for (kind, sense), phrases in _DEGREES.items()
    for phrase in phrases.split("|")
}
# What a sense cannot be read as. "All" where the source says "some" is wrong; "some" where it says "all" may be a sample.
CONFLICTS = {
    "duty": frozenset({"leave", "advice", "plan"}),
    "leave": frozenset({"duty"}),
    "advice": frozenset({"duty"}),
    "all": frozenset({"some", "only"}),
    "some": frozenset[str](),
    "only": frozenset({"also", "some", "all"}),
    "also": frozenset({"only"}),
    "at least": frozenset({"at most"}),
    "at most": frozenset({"at least"}),
    "plan": frozenset[str](),
}

# Capitalised by habit, never the name that a source must contain.
# Names of one thing, as they are written; capitals matter, "us" is a word.
ALIASES = tuple(
    re.compile(rf"(?<![\w.])(?:{names})(?!\w)")
    for names in (
        r"USA?|U\.S\.(?:A\.)?|(?:the )?United States(?: of America)?|America|Estados Unidos|EE\. ?UU\.|États-Unis|USA",
        r"UK|U\.K\.|United Kingdom|(?:Great )?Britain|Reino Unido|Vereinigtes Königreich|Royaume-Uni",
        r"EU|E\.U\.|European Union|UE|Unión Europea|Europäische Union|Union européenne",
        r"UN|U\.N\.|United Nations|ONU|Naciones Unidas|Vereinte Nationen|Nations unies",
        r"COVID(?:-19)?|Covid(?:-19)?|covid(?:-19)?|[Cc]oronavirus",
        r"LGBT\w*",
        r"TVs?|[Tt]elevisions?",
        r"IDs?|[Ii]dentification",
        r"CEOs?|[Cc]hief [Ee]xecutive(?: [Oo]fficer)?s?",
        r"CFOs?|[Cc]hief [Ff]inancial [Oo]fficers?",
        r"CTOs?|[Cc]hief [Tt]echn\w+ [Oo]fficers?",
        r"Gov\.?|[Gg]overnor",
        r"Sen\.?|[Ss]enator",
        r"Rep\.?|[Rr]epresentative",
        r"Dr\.?|[Dd]octor",
        r"Prof\.?|[Pp]rofessor",
        r"Pres\.?|[Pp]resident",
        r"Gen\.?|[Gg]eneral",
        r"Lt\.?|[Ll]ieutenant",
        r"Sgt\.?|[Ss]ergeant",
    )
)
# Verbs with which an instruction begins; what follows may be a name.
IMPERATIVES = frozenset(
    """open press select click choose tap go use add see call visit turn set make try check remove place put write save enter
    close start stop insert install contact send ask read follow launch log sign abra abrir pulse pulsar seleccione seleccionar
    elija haga use usar llame llamar visite introduzca pregunte siga""".split()
)
ORDINARY_OPENERS = frozenset(
    """i am pm monday tuesday wednesday thursday friday saturday sunday lunes martes miercoles jueves viernes sabado domingo
    mon tue wed thu fri sat sun yes ok step steps note paso nota mr mrs ms dr sr sra don dona passage passages document source
    additionally however overall according although while since because despite unlike like both many most several during
    through within finally former current today yesterday recently currently based given using president professor minister
    king queen saint captain another one two three four five six seven eight nine ten once until unless whether either neither
    every even just still yet thus hence therefore moreover furthermore instead meanwhile later earlier last next first second
    third new old other others located founded born known called named against among per via plus
    ademas aunque mientras segun tambien despues antes durante actualmente finalmente cada otro otra otros otras dos tres
    presidente profesor ministro rey reina santo san primer primera ultimo ultima nuevo nueva""".split()
)
