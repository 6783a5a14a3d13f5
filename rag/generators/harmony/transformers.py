"""gpt-oss from a local folder through transformers, in this process, by token ids.

The weights come quantised to MXFP4, four bits and a quarter each. Only some GPUs compute with them, with Triton and `kernels`
installed; anywhere else transformers would unpack them to four times the memory without asking. Here that is the operator's
choice (`generator.dtype`), and is refused where memory does not suffice.
"""

import importlib.util
import json
import os
import queue
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rag.errors import GeneratorError
from rag.generators.harmony.parsing import STOP, VOCABULARY_SIZE
from rag.generators.harmony.servers import Sampling

# Parameters in billions by number of layers. Source: OpenAI, gpt-oss model card.
_BILLIONS = {24: 20.9, 36: 116.8}
_OVERHEAD = 1.15  # cache and buffers beside the weights; a guess
_BYTES = {"mxfp4": 0.66, "bfloat16": 2.0, "float32": 4.0}  # the attention of an MXFP4 model stays in bfloat16
_LEAST_CAPABILITY = (7, 5)
# The attention of this model has sinks and is computed in full: 6000 tokens at once would take 14 GB beside the weights.
_PREFILL_TOKENS = 512


@dataclass(frozen=True)
class Machine:
    """What there is to compute with. Memory in GB; `lacks` says why MXFP4 cannot be computed here, empty if it can."""

    device: str
    memory_gb: float
    lacks: str = ""


class TransformersRuntime:
    """A folder with a GptOss model, loaded at the first use; drafts are written one after the other."""

    def __init__(self, model: str, *, sampling: Sampling, dtype: str = "auto") -> None:
        """Name the folder. `dtype`: "auto" keeps MXFP4, "bfloat16" and "float32" unpack it."""
        self.name = f"transformers:{Path(model).name}"
        self._folder = Path(model).expanduser()
        self._sampling = sampling
        self._dtype = dtype
        self._model: Any = None
        self._lock = threading.Lock()

    def context_tokens(self) -> int:
        """The context that the model was made for.

        Raises: GeneratorError.
        """
        return int(read_config(self._folder).get("max_position_embeddings") or 131072)

    def check(self) -> str:
        """Say how the model would run, without loading it.

        Raises: GeneratorError.
        """
        config, machine = read_config(self._folder), this_machine()
        return f"transformers in process, {self._folder.name} in {plan(config, machine, self._dtype)} on {machine.device}"

    def complete(self, ids: Sequence[int], *, max_tokens: int, timeout_s: float) -> Generator[Sequence[int], None, None]:
        """Give the ids that follow as they come.

        Raises: GeneratorError; TimeoutError.
        """
        with self._lock:
            if self._model is None:
                self._model = self._load()
            run = _Run(self._model, list(ids), max_tokens, self._sampling)
            try:
                yield from run.tokens(timeout_s)
            finally:
                run.stop()

    def _load(self) -> Any:
        config, machine = read_config(self._folder), this_machine()
        dtype = plan(config, machine, self._dtype)
        from transformers import GptOssForCausalLM, Mxfp4Config

        more: dict[str, Any] = {} if machine.device == "cpu" else {"device_map": {"": machine.device}}
        if _is_quantised(config) and dtype != "mxfp4":
            more["quantization_config"] = Mxfp4Config(dequantize=True)
        held = "auto" if dtype == "mxfp4" else dtype
        try:
            return GptOssForCausalLM.from_pretrained(self._folder, dtype=held, local_files_only=True, **more).eval()
        except (OSError, ValueError, ImportError, RuntimeError) as error:  # OutOfMemoryError is a RuntimeError
            raise GeneratorError(
                f"cannot load model `{self._folder}` in {dtype} on {machine.device}: {str(error)[:300]}. Check the folder and "
                "the memory, or run the GGUF file (configs/gpt-oss-20b-gguf.toml)."
            ) from error


class _Run:
    """One generation in a thread of its own, whose tokens are taken as they come."""

    def __init__(self, model: Any, ids: list[int], max_tokens: int, sampling: Sampling) -> None:
        self._model = model
        self._ids = ids
        self._max_tokens = max_tokens
        self._sampling = sampling
        self._tokens: queue.Queue[int | None] = queue.Queue()
        self._error: RuntimeError | None = None
        self._is_stopped = False
        self._thread = threading.Thread(target=self._generate, daemon=True)
        self._thread.start()

    def tokens(self, timeout_s: float) -> Generator[Sequence[int], None, None]:
        while True:
            try:
                token = self._tokens.get(timeout=timeout_s)
            except queue.Empty as error:
                raise TimeoutError from error
            if token is None:
                break
            yield [token]
        if self._error is not None:
            raise GeneratorError(
                f"the model failed while writing: {str(self._error)[:300]}. If memory ran out, lower "
                "generator.max_prompt_tokens."
            ) from self._error

    def stop(self) -> None:
        self._is_stopped = True
        self._thread.join()

    # The names that transformers wants of a streamer; the prompt comes first.
    def put(self, value: Any) -> None:
        for token in value.flatten().tolist() if not self._prompt_came() else ():
            self._tokens.put(int(token))

    def end(self) -> None:
        """Nothing: the end is told by the thread."""

    def _prompt_came(self) -> bool:
        is_prompt, self._ids = bool(self._ids), []
        return is_prompt

    def _generate(self) -> None:
        import torch

        prompt = torch.tensor([self._ids], device=self._model.device)
        warm = self._sampling.temperature > 0
        drawing = {"do_sample": True, "temperature": self._sampling.temperature, "top_k": 0, "top_p": 1.0} if warm else {}
        try:
            with torch.inference_mode():
                torch.manual_seed(self._sampling.seed)
                self._model.generate(
                    prompt,
                    attention_mask=torch.ones_like(prompt),
                    max_new_tokens=self._max_tokens,
                    eos_token_id=list(STOP),
                    pad_token_id=STOP[0],
                    prefill_chunk_size=_PREFILL_TOKENS,
                    streamer=self,
                    stopping_criteria=[lambda ids, scores, **_: torch.full((len(ids),), self._is_stopped, device=ids.device)],
                    **({"do_sample": False} | drawing),
                )
        except RuntimeError as error:
            self._error = error
        finally:
            self._tokens.put(None)


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a model's folder.

    Raises: GeneratorError when there is none or it is not of gpt-oss.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GeneratorError(
            f"cannot load model `{folder}`: {path.name} cannot be read ({error}). Set generator.model to a folder with the "
            "weights of gpt-oss-20b or -120b."
        ) from error
    if config.get("model_type") != "gpt_oss" or config.get("vocab_size") != VOCABULARY_SIZE:
        raise GeneratorError(
            f"cannot use model `{folder}`: it is of type `{config.get('model_type')}`, not gpt-oss. Set generator.model to the "
            "weights of gpt-oss-20b or -120b."
        )
    return dict(config)


def plan(config: dict[str, Any], machine: Machine, dtype: str) -> str:
    """How to hold the weights: "mxfp4", "bfloat16" or "float32".

    Raises: GeneratorError with the choice that there is and the memory that each takes.
    """
    is_quantised = _is_quantised(config)
    billions = _BILLIONS.get(int(config.get("num_hidden_layers") or 0), 0.0)
    need = {name: billions * size * _OVERHEAD for name, size in _BYTES.items()}
    chosen = ("mxfp4" if is_quantised else "bfloat16" if machine.device != "cpu" else "float32") if dtype == "auto" else dtype
    why = ""
    if chosen == "mxfp4" and machine.lacks:
        why = f"its MXFP4 weights cannot be computed with here: {machine.lacks}"
    elif need[chosen] > machine.memory_gb:
        why = f"in {chosen} it takes about {need[chosen]:.0f} GB and {machine.device} has {machine.memory_gb:.0f} GB"
    if why:
        raise GeneratorError(
            f"cannot load the model: {why}. Choose: a GPU of compute capability 7.5 or newer with {need['mxfp4']:.0f} GB, "
            f'triton and kernels; generator.dtype = "bfloat16" where there are {need["bfloat16"]:.0f} GB; or the GGUF file '
            "through llama.cpp, which computes with MXFP4 anywhere (configs/gpt-oss-20b-gguf.toml)."
        )
    return chosen


def this_machine() -> Machine:
    """The first GPU, or the processor if there is none."""
    import torch

    if not torch.cuda.is_available():
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
        return Machine("cpu", memory, "there is no GPU")
    lacks = [package for package in ("triton", "kernels", "accelerate") if importlib.util.find_spec(package) is None]
    problem = f"package `{lacks[0]}` is not installed" if lacks else ""
    if torch.cuda.get_device_capability() < _LEAST_CAPABILITY:
        problem = "the GPU is too old"
    return Machine("cuda", torch.cuda.get_device_properties(0).total_memory / 1e9, problem)


def _is_quantised(config: dict[str, Any]) -> bool:
    return (config.get("quantization_config") or {}).get("quant_method") == "mxfp4"
