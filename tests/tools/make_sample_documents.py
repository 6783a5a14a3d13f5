"""Write the PDF and DOCX files of the knowledge base under data/sample.

The other documents of that folder (Markdown, text, HTML) are kept as they are; the nine written here come from the
texts below, which use a small markup: ``#`` and ``##`` headings, blank lines between paragraphs, ``-`` and ``1.`` list
items, ``|``-separated table rows (the first is the header) and ``===`` for a page break. Two runs write the same
bytes: dates are fixed, and the archive members of the DOCX files carry a fixed time.

Usage: ``python tests/tools/make_sample_documents.py [--out FOLDER]``
"""

from __future__ import annotations

import argparse
import io
import re
import zipfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from docx import Document
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    ListFlowable,
    ListItem,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

DEFAULT_OUT = Path(__file__).resolve().parents[2] / "data" / "sample"
COMPANY = "Marenqua Instruments"
FIXED_TIME = datetime(2026, 6, 15, 9, 0, 0)


@dataclass(frozen=True)
class Source:
    """One document to write: where, its title, its language and its text in the small markup."""

    path: str
    title: str
    lang: str
    text: str


@dataclass
class Block:
    """One block of a text: kind is h1, h2, p, ul, ol, table or page."""

    kind: str
    text: str = ""
    items: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)


HANDBOOK = """
# Employee Handbook

Edition of 1 March 2026 for Port Ellard and Tessmouth. The plant in Alcorvia has its own handbook in Spanish.

## Welcome on board

Marenqua Instruments was founded in 2009 by Helena Brandqvist and Aurel Tindall in a former boathouse on the quay of
Port Ellard. The first product was a thermometer on a rope. Today 214 people build meters, buoys and samplers that tell
fish farmers, waterworks and harbour authorities what is going on under the surface.

We have three sites. Development, sales, support and the calibration laboratory are in Port Ellard. Goods are stored
and sent from Tessmouth. The plant in Alcorvia makes the Tarn samplers and fits out the Delfa buoys.

## How to use this handbook

The handbook describes what applies to everybody. Details are laid down in policies, which you will find in the
Tidewater portal: leave, remote work, travel and information security. If a policy and the handbook disagree, the
policy with the later date is right. Your contract always comes first.

## What we expect of each other

- We say what we have measured, not what we would have liked to measure.
- We answer customers in words that they understand.
- We tell a colleague about a mistake before we tell anybody else.
- We leave a boat, a bench or a meeting room as we should like to find it.

Suggestions for the next edition are welcome. Send them to Maribel Ostrander in the People Team before the end of
October; new editions appear every March.

===

# 1. Working time and pay

## Hours

A full-time week has 37.5 hours. Between 10:00 and 15:30 everyone in the office is expected to be reachable; the rest of
the day is yours to arrange with your team. A break of at least 30 minutes is taken after six hours at the latest. The
warehouse in Tessmouth works in two shifts, from 06:00 to 14:00 and from 14:00 to 22:00.

## Overtime

Overtime needs the consent of your manager. It goes into your time account, which may hold up to 40 hours. Hours beyond
that limit are paid out at 125 % of the hourly rate. Work on Sundays is allowed only for buoy rescues and fairs, and is
paid at 160 %.

## Probation

The probation period lasts four months. For people who lead a team it is six months. During this time you and your
manager meet once a month. An absence of more than three weeks extends the period by the same length.

## Pay

Salaries are paid on the 27th of each month, or on the working day before if the 27th falls on a weekend. Salaries are
reviewed every April. A thirteenth salary is not paid; instead there is a profit share, which is announced after the
annual accounts have been closed and is the same sum for everyone.

## Advances

In an emergency the People Team can advance up to half of one month's net salary. The advance is paid back within six
months, without interest.

===

# 2. Benefits and notice

## Pension and health

The company pays 6.5 % of your gross salary into the pension plan; you contribute 3 %. Membership begins on the first
day after probation. Health cover for you and your children is free. Partners can be added for €46 a month.

## Learning

Every employee has a yearly learning budget of €1,150. What is not spent is not carried over. Courses costing more than
€600 are agreed with the head of department. If you leave within a year of a course that cost more than €2,000, you pay
back half of it.

## Other benefits

- Referral bonus of €1,400 for recommending a new colleague, paid when that person has passed probation.
- Leased bicycle with a value of up to €2,400, paid in 36 instalments from gross salary.
- Lunch in the canteen at Port Ellard for €4.80; Tessmouth staff receive vouchers of the same value.
- Two days a year on the company's sailing boat, by lot.

## Notice periods

Either side may end the contract in writing. The table shows the notice period after probation. During probation it is
two weeks for both sides.

| Length of service | Notice given by the company | Notice given by the employee |
| less than 2 years | 5 weeks | 4 weeks |
| 2 to 5 years | 9 weeks | 6 weeks |
| more than 5, up to 10 years | 13 weeks | 8 weeks |
| more than 10 years | 20 weeks | 10 weeks |

On the last day you hand in badge, laptop and keys at reception. The People Team sends the reference within two weeks.

===

# 3. Conduct and contacts

## Gifts and invitations

You may accept gifts from suppliers or customers up to a value of €40 for each giver and year. Anything above this is
handed to the People Team, which raffles it in December for the lifeboat fund. Money is never accepted.

## Work on the side

A second job needs the written consent of the People Team. It is refused only if it would take more than ten hours a
week or help a competitor.

## Speaking up

If something is wrong, talk to your manager, to the People Team or, without giving your name, to the ombudsperson,
Mr. Caspian Weatherall, who is not employed by Marenqua. He answers within seven days. Nobody suffers a disadvantage
for a report made in good faith.

## Alcohol and safety

No alcohol is drunk during working hours, on boats or in the laboratory. Safety shoes are worn in the warehouse and on
jetties. Life jackets are worn on every boat, in every weather, also by the skipper.

## Who to call

| Subject | Contact | Extension |
| Contract, salary, leave | Maribel Ostrander, People Team | 4102 |
| Building, badge, keys | Facilities desk | 4120 |
| Computer and password | IT service desk | 4400 |
| Safety at work | Anselm Droste, safety officer | 4433 |
| Company nurse | Zoë Hartnell | 4140 |

The nurse is in the house on Mondays and Thursdays from 09:00 to 12:00. Outside office hours reception diverts urgent
calls to the guard.
"""

CORVO_300 = """
# Corvo 300: Multi-Parameter Water Quality Meter

Part number KX-2300-A. Data sheet DS-2300, revision 3, January 2026.

The Corvo 300 is the meter for people who have to know more: rivers, coastal water, waste water plants. It takes up to
six sensors at the same time, has a colour display and keeps working when it falls overboard. Compared with the Corvo
200 it offers an optical oxygen sensor, a built-in barometer, satellite positioning and deeper immersion.

## Typical uses

- Monitoring runs by boat with automatic position for every reading
- Profiles in depth with the pressure sensor, down to 50 metres with the long cable
- Control measurements beside a Delfa buoy, since both use the same sensors
- Waste water, with the chemically resistant probe head

## How it works

All sensors sit in one probe head, KX-2340-P, and are changed without tools. The meter recognises each sensor by itself
and loads its calibration. Readings can be taken by hand, at fixed intervals from one second to 24 hours, or whenever a
value changes by more than a set amount.

The positioning receiver finds its place in about 35 seconds and is accurate to 2.5 metres in the open. If there is no
signal, the last position is marked with a question mark.

## Languages

The menus speak English, Spanish and seven other languages. Reports are written in the language of the menu.

===

# Measured quantities and housing

## Measurement

| Quantity | Range | Accuracy |
| pH | 0 to 14 | ±0.02 |
| Temperature | -5 to 70 °C | ±0.1 °C |
| Conductivity | 0 to 100,000 µS/cm | ±0.5 % of reading |
| Dissolved oxygen, optical | 0 to 50 mg/L | ±0.1 mg/L |
| Turbidity | 0 to 4,000 NTU | ±2 % of reading |
| Depth | 0 to 60 m | ±0.15 m |
| Air pressure | 500 to 1,100 hPa | ±1.5 hPa |

The turbidity and depth sensors are optional. The optical cap of the oxygen sensor is a wear part; it is changed every
two years or after 100,000 readings, whichever comes first.

## Housing

The housing is made of glass-fibre reinforced plastic with rubber corners. It floats, with the battery lid upwards, and
has a ring for a safety line. Protection class is IP68: the meter withstands three metres of water for 45 minutes. A
fall from 1.5 metres on concrete does no harm.

It may be used from -15 to 55 °C and stored from -20 to 60 °C. The keys glow in the dark. A strap and a screen
protector are included; the hard case comes with the field kit (KX-2300-K) only.

## Connections

USB-C, Bluetooth 5.1 and wireless network. The radio link to a telephone reaches about 30 metres in the open air. A
serial adapter for data loggers is available on request.

===

# Electrical data and order codes

## Power and memory

| Property | Value |
| Battery pack | KX-2310-B, lithium-ion |
| Capacity | 7,800 mAh |
| Running time, display at half brightness | about 26 hours |
| Running time with positioning switched on | about 17 hours |
| Charging time in the Ancla dock | 4 h 40 min |
| Charging time over USB-C | 6 h 30 min |
| Internal memory | 50,000 readings |
| Weight with battery pack | 815 g |
| Dimensions | 214 x 92 x 44 mm |

The pack of the Corvo 200 (KX-2210-B) fits into the compartment with the adapter frame KX-2395-F, but the running time
then falls to some 15 hours.

## What is in the box

Meter with battery pack, probe head with pH, temperature, conductivity and oxygen sensors, cable of five metres, buffer
solutions pH 4.01, pH 7.00 and pH 10.01, USB-C cable, mains adapter, strap, quick guide.

## Order codes

| Order code | Article |
| KX-2300-A | Corvo 300 with four sensors |
| KX-2300-K | Corvo 300 field kit with hard case |
| KX-2340-P | Probe head for six sensors |
| KX-2351-T | Turbidity sensor |
| KX-2352-D | Depth sensor |
| KX-2361-O | Optical cap for the oxygen sensor |
| KX-2370-L | Cable of 50 metres on a reel |

The depth and turbidity sensors are calibrated at the factory. We recommend sending them in every two years, together
with the meter.
"""

PRICE_LIST = """
# Price List 2026

Valid for orders from 1 February 2026 to 31 January 2027. Issued by Sales, Port Ellard (Jonas Feldmark).

## General conditions

All prices are net, in euros, without value added tax and without delivery. This list replaces all earlier ones. Orders
that reached us before 1 February 2026 are invoiced at the old prices if the goods can be sent by the end of March.

The minimum order is €60. Below this sum we add a handling charge of €12. A discount of 2 % is granted on invoices paid
within ten days; it cannot be claimed for service contracts or hire.

Should we have to change prices during the year, we will let customers with a framework agreement know 60 days
beforehand. Their open orders stay at the agreed price.

Samplers of the Tarn family are sold by the plant in Alcorvia and are not part of this list.

## Delivery

Goods in stock leave Tessmouth within two working days. Buoys are built to order and take nine weeks. Express delivery
is not possible for buoys, and loose battery packs are not sent by air.

## How to order

Write to orders@marenqua.example and give the part number, quantity and delivery address. An order is confirmed within
one working day. Changes are free of charge until the confirmation has been sent; afterwards they cost €25.

## Validity of quotations

Quotations are valid for 45 days unless they name another date. Quotations for projects with more than ten buoys are
prepared one by one.

===

# Instruments

Prices for one piece. For quantity discounts see the last page.

| Part number | Article | Price |
| KX-2200-A | Corvo 200, signal orange | €1,284.50 |
| KX-2200-A-G | Corvo 200, slate grey | €1,309.00 |
| KX-2300-A | Corvo 300 with four sensors | €1,949.00 |
| KX-2300-K | Corvo 300 field kit with hard case | €2,275.00 |
| KX-5100-A | Delfa B1 buoy, without mooring | €6,480.00 |
| KX-5200-A | Delfa B2 buoy, without mooring | €14,915.00 |

## Sensors for the Corvo 300 and the buoys

| Part number | Article | Price |
| KX-2340-P | Probe head for six sensors | €1,120.50 |
| KX-2351-T | Turbidity sensor | €486.00 |
| KX-2352-D | Depth sensor, 60 m | €352.25 |
| KX-2361-O | Optical cap for the oxygen sensor | €117.60 |

The Corvo 300 is delivered with sensors for pH, temperature, conductivity and oxygen. Turbidity and depth are ordered
separately and can be fitted later by the user.

A buoy is delivered with a thermistor chain of five metres and with two years of data service. The prices for the data
service after that time can be found on the product page.

===

# Accessories and spare parts

| Part number | Article | Price |
| KX-2210-B | Battery pack for Corvo 200 | €96.40 |
| KX-2310-B | Battery pack for Corvo 300 | €138.75 |
| KX-2290-C | Ancla charging dock, two bays | €74.90 |
| KX-2291-C | Ancla charging dock, four bays | €129.00 |
| KX-2240-P | Combined probe for Corvo 200, cable 3 m | €312.00 |
| KX-2241-P | Combined probe for Corvo 200, cable 10 m | €388.50 |
| KX-2251-R | Sealing ring for probe plug, pack of five | €11.20 |
| KX-2370-L | Cable of 50 metres on a reel | €264.00 |
| KX-2395-F | Adapter frame for battery pack | €18.30 |
| KX-5031-W | Rubber lip for buoy wiper, pack of three | €33.80 |
| KX-5042-L | Mast lamp for Delfa buoys | €218.00 |

## Solutions

| Part number | Article | Price |
| KX-9004-S | Buffer pH 4.01, 500 mL | €16.20 |
| KX-9007-S | Buffer pH 7.00, 500 mL | €15.70 |
| KX-9010-S | Buffer pH 10.01, 500 mL | €17.90 |
| KX-9013-S | Conductivity standard 1,413 µS/cm, 500 mL | €24.60 |
| KX-9014-S | Conductivity standard 12,880 µS/cm, 500 mL | €27.35 |

Solutions are sold in full bottles only. Opened bottles cannot be returned.

===

# Quantity discounts and service contracts

## Quantity discounts

The discount is taken from the list price of one order. Articles of different groups are not added together.

| Group | Quantity | Discount |
| Corvo meters | 5 to 9 | 4 % |
| Corvo meters | 10 to 24 | 7.5 % |
| Corvo meters | 25 and more | 11 % |
| Buoys | 3 to 7 | 5 % |
| Buoys | 8 and more | 9 % |
| Accessories and spare parts | 50 and more | 6 % |

Schools and universities receive 15 % on the Corvo 200. This reduction cannot be combined with a quantity discount.

## Harbour service contracts

| Contract | What it includes | Price a year |
| Harbour Basic | One calibration with certificate, loan meter | €168.00 |
| Harbour Plus | As Basic, with wear parts and the Saturday line | €295.00 |

Contracts run for two years and are renewed for one year at a time unless they are ended three months before they run
out. The price holds for one Corvo meter. Buoys are looked after under project contracts, for which our field team
prepares a proposal after a visit.
"""

TARN_MANUAL = """
# Manual del muestreador Tarn S4

Edición 6, marzo de 2026. Referencia del equipo: KX-4400-A. Fabricado en la planta de Alcorvia.

## Descripción

El Tarn S4 toma muestras de agua sin que nadie tenga que estar presente. Una bomba peristáltica aspira el agua por un
tubo de silicona, un brazo giratorio la reparte entre las botellas y un grupo de frío la mantiene a 4 °C hasta la
recogida. El equipo guarda la hora, el volumen y la temperatura de cada muestra.

El armario es de polietileno y se cierra con dos ganchos y un candado. Puede trabajar a la intemperie, pero conviene
protegerlo del sol directo en verano.

## Contenido de la caja

- Muestreador con 24 botellas de polietileno
- Manguera de aspiración de siete metros con filtro
- Batería y cargador
- Dos llaves del candado y una llave para el cabezal
- Tubo de bomba de repuesto

## Instalación

1. Coloque el equipo sobre un suelo firme. La inclinación no debe pasar de 5 grados.
2. Tienda la manguera sin subidas intermedias, para que se vacíe sola después de cada toma.
3. Sumerja el filtro al menos 15 centímetros y aléjelo del fondo.
4. Conecte la batería: primero el borne rojo, después el negro.
5. Encienda el equipo y espere dos minutos hasta que termine la comprobación.

¡Atención! No conecte nunca el equipo a una tensión distinta de 12 voltios. La garantía no cubre los daños causados por
una alimentación equivocada.

===

# Programación

## Modos de trabajo

El equipo ofrece tres modos. En el modo horario toma una muestra cada cierto tiempo, entre 5 minutos y 99 horas. En el
modo de caudal cuenta los impulsos de un caudalímetro y toma una muestra cada cierto número de metros cúbicos. En el
modo de suceso espera a que una sonda pase de un límite, por ejemplo la de turbidez.

## Crear un programa

1. Pulse Menú y elija Programa nuevo.
2. Escriba un nombre de doce letras como máximo.
3. Elija el modo y el intervalo.
4. Indique el volumen de cada muestra, entre 20 y 480 mililitros.
5. Indique cuántas muestras van a cada botella.
6. Guarde con la tecla verde. La memoria admite 16 programas.

El equipo calcula si las botellas tienen sitio suficiente. Si no lo tienen, muestra el aviso "Volumen excesivo" y
propone otro valor.

## Enjuague y repetición

Antes de cada toma la bomba sopla aire y enjuaga la manguera una vez. Se pueden programar hasta tres enjuagues. Si la
toma falla, el equipo lo intenta de nuevo dos veces más y, si tampoco lo consigue, anota el fallo y sigue con el
programa.

## Recogida de los datos

Los datos se descargan con una memoria USB o por radio, con el programa Brackish. El fichero contiene una línea por
muestra. La memoria interna guarda los datos de las últimas 5.000 muestras.

## Acceso

El código de fábrica es 2468. Cámbielo en Menú > Acceso. Si lo olvida, el taller puede abrir el equipo con el número de
serie y una copia de la factura.

===

# Mantenimiento

Antes de cualquier trabajo apague el equipo y desconecte la batería. Use guantes: el circuito puede contener agua
contaminada.

## Plan de mantenimiento

| Tarea | Frecuencia | Recambio |
| Limpiar el filtro de aspiración | cada semana | - |
| Lavar las botellas | después de cada recogida | - |
| Cambiar el tubo de bomba | cada 500 horas de bomba | KX-4405-T |
| Engrasar los rodillos del cabezal | cada 6 meses | KX-4409-G |
| Cambiar la junta de la tapa | cada 2 años | KX-4412-J |
| Cambiar la bolsa desecante | cada 3 meses | KX-4415-D |
| Limpiar el condensador del grupo de frío | cada 4 meses | - |
| Cambiar la batería | cada 4 años | KX-4430-B |

## Cambio del tubo de bomba

1. Quite los cuatro tornillos del cabezal y retire la tapa transparente.
2. Gire los rodillos con la llave hasta que el tubo quede libre.
3. Coloque el tubo nuevo con la flecha hacia arriba. Deben sobresalir 12 centímetros por cada lado.
4. Apriete los tornillos en cruz y ponga a cero el contador en Menú > Servicio.
5. Calibre el volumen con la probeta: la diferencia no debe pasar del 5 %.

## Antes del invierno

Si el equipo va a quedar parado por debajo de 0 °C, vacíe el circuito con el programa Invierno, saque las botellas y
guarde la batería cargada en un lugar seco. Recárguela cada diez semanas.

===

# Datos técnicos y averías

## Datos técnicos

| Característica | Valor |
| Botellas | 24 de 0,5 litros |
| Altura de aspiración máxima | 7,5 m |
| Temperatura de conservación | 4 °C, con una tolerancia de ±1 °C |
| Batería | 12 V, 44 Ah |
| Autonomía con frío, a 20 °C de ambiente | 9 días |
| Consumo en espera | 0,35 A |
| Consumo con bomba y frío | 6,2 A |
| Peso sin botellas | 37,8 kg |
| Medidas | 515 x 620 x 870 mm |
| Temperatura de trabajo | de -5 a 45 °C |

La altura de aspiración se ha medido al nivel del mar y con la manguera de siete metros. Por cada mil metros de altitud
disminuye en 0,9 m.

## Códigos de avería

| Código | Causa | Remedio |
| A-03 | Batería por debajo de 11,2 V | Cargar o cambiar la batería |
| A-08 | Tapa abierta o imán sucio | Limpiar el imán y cerrar los ganchos |
| A-12 | La bomba no ceba | Revisar filtro y manguera |
| A-15 | Brazo giratorio bloqueado | Retirar el obstáculo y reiniciar |
| A-21 | Temperatura por encima de 8 °C durante una hora | Limpiar el condensador |

Si la avería continúa, llame al servicio técnico de Alcorvia, extensión 6200, con el número de serie a mano.

## Retirada

Al final de su vida el equipo se devuelve a la planta sin coste. El grupo de frío contiene 60 gramos de refrigerante y
no debe abrirse.
"""

TRAVEL_2024 = """
# Travel Policy 2024

Valid for trips that start on or after 1 February 2024. Applies to employees of Port Ellard and Tessmouth. Owner:
Finance, Ruben Castellane.

Note of 15 December 2025: this version governs trips that start up to and including 31 December 2025. For later trips
see the travel policy that comes into force on 1 January 2026.

## Approval and booking

Every trip needs the approval of your line manager in the Tidewater portal. If the whole trip will cost more than
€2,000, the finance director has to approve it as well. Book at least 14 days ahead through the travel desk. Whoever
books for themselves bears the risk of a cancellation.

## Means of transport

- Train: second class. First class is allowed for rides of more than four hours.
- Flights: economy. Business class may be booked when the scheduled flight time exceeds nine hours.
- Private car: €0.31 per kilometre, plus parking and tolls.
- Hire car: compact class with full insurance. Refuel before you hand the car back.
- Taxi: if no bus or tram runs, or with heavy luggage.

## Overnight stays and meals

| Item | Limit | Receipt needed |
| Hotel, per night with breakfast | €135 | Yes |
| Meals, per full day | €48 | No |
| Meals, day of departure or return | €24 | No |
| Guests invited to a meal, per person | €50 | Yes, with names |

Those who stay with friends or family receive €20 per night. During fairs the travel desk can raise the limit for hotels
by one fifth.

## Claims

Claims are handed in within 45 days of the return. A receipt is needed for each expense above €15, except for the daily
meal sums. Late claims have to be explained in writing. Payment is made with the next salary run.

Currencies other than the euro are converted at the rate on the card statement.

## Laundry and telephone

From the fifth night on, laundry is refunded up to €18 a week. Roaming charges for the company telephone are paid by the
company; private calls are limited to ten minutes a day.

## Safety

Do not drive after more than ten hours of work. On field trips at least two people travel together. The emergency line
for travellers is extension 4490.

## Advances

An advance of up to €500 can be asked for five days before the trip. It is set off against the claim. Advances are not
given to people who carry a company card.
"""

SECURITY = """
# Information Security Policy

Version 5.1, in force since 15 October 2025. Owner: Saskia Ellwood, head of IT. Applies to all three sites and to
contractors who have a Marenqua account.

## Why it matters

Customers trust us with the state of their water. A reading that has been altered or a position that has been leaked can
do real harm. These rules are few, and all of them are meant to be kept.

## Accounts and passwords

A password has at least 14 characters. It is changed only when there is reason to believe that somebody else knows it;
there is no fixed period. The password manager Quillbox is provided for everyone. A second factor is compulsory for
e-mail, VPN and the Tidewater portal. After eight wrong attempts the account is locked for 20 minutes.

Accounts of people who leave are closed at 18:00 on their last day. Contractor accounts run out after 90 days unless the
person in charge renews them.

## Devices

- Screens lock after five minutes without input.
- Updates are installed within seven days; those marked urgent within 48 hours.
- USB sticks from outside may be opened only on the white computer beside reception.
- Private telephones may read company mail if they are enrolled with IT.
- Only IT installs software. Requests are answered within three working days.

A lost or stolen device must be reported within two hours, day or night, on extension 4417. IT then erases it remotely.

## Classes of information

| Class | Examples | Kept for | Sending outside |
| Public | Data sheets, price list | no limit | free |
| Internal | Minutes, manuals for staff | 3 years | with the manager's consent |
| Confidential | Contracts, customer data | 7 years | encrypted only |
| Restricted | Firmware sources, payroll | 10 years | not allowed |

Whoever creates a document chooses its class. If in doubt, take the higher one. Papers of the two upper classes are put
in the locked grey bins.

## Shared drive and mail

Work is kept on the shared drive, because files on the desktop of a laptop are not included in the backup. The mailbox
holds 25 GB. Attachments of more than 30 MB are sent with a link that runs out after two weeks.

## Visitors and wireless network

Visitors use the network "Marenqua-Guest". Its code changes every Monday and hangs at reception. Company devices never
join it. Visitors to the laboratory sign a paper on secrecy beforehand.

## Logs and monitoring

Access to the firmware archive and to payroll is logged. The logs are kept for 400 days and read only by two people
together, one of them from the works council. Web traffic is filtered for malware but not recorded by name.

## Incidents

Report anything odd to the IT service desk, extension 4400, or with the button "Looks fishy" in the mail program. The
incident group meets within four hours. If personal data are concerned, the authority is informed within 72 hours.

Every quarter IT sends mock phishing messages. Whoever clicks on three of them within a year repeats the security
course.

## Breaches of these rules

Mistakes that are reported at once have no consequences. Deliberate breaches may lead to a warning or, in grave cases,
to dismissal.
"""

WARRANTY = """
# Warranty Terms

Document WT-2026, for goods delivered on or after 1 January 2026. These terms cover Corvo meters, Delfa buoys and their
accessories. The Tarn samplers have terms of their own in Spanish.

## Warranty periods

The period begins on the day of delivery to the end customer.

| Product | Period |
| Corvo 200 | 24 months |
| Corvo 300 | 36 months |
| Delfa B1 and Delfa B2, hull and electronics | 18 months |
| Battery packs KX-2210-B and KX-2310-B | 12 months or 400 charging cycles |
| pH electrodes | 9 months |
| Refurbished meters | 6 months |
| Repairs outside the warranty | 4 months on the parts replaced |

## Registration

If you register a Corvo meter on our website within 60 days of delivery, its warranty is extended by six months. Battery
packs, electrodes and refurbished meters cannot be registered. Registration is bound to the serial number and passes to
the new owner when the meter is sold.

## What is covered

We remove faults in material and workmanship. We may choose whether to repair the product, replace it with one of the
same kind or, if neither is possible, refund the price. Replaced parts become our property. For meters registered in
time we also provide a loan meter without charge.

## What is not covered

- Wear of electrodes, optical caps, wiper lips and sealing rings
- Damage caused by opening the housing or by packs of other makes
- Water damage if the battery lid was not locked
- Buoys that have broken loose because of a mooring not approved by us
- Scratches and faded colours

Removing the serial number ends the warranty.

## How to make a claim

1. Write to warranty@marenqua.example with the serial number, the invoice and a description of the fault.
2. We answer within two working days with a case number that begins with WC-.
3. Send the product, clean and dry, to the service workshop in Port Ellard. We pay the carriage for products that are
less than twelve months old; after that you pay the way here and we pay the way back.
4. The workshop decides within ten working days of arrival.

Buoys are examined on site if they are no further than 80 km from Port Ellard or Alcorvia. Beyond that distance we
charge for the journey.

If no fault is found, we charge a flat inspection fee of €70.

## Limits of liability

Our liability is limited to the price paid for the product. We are not liable for readings that were not taken, for fish
stock or for loss of profit, except where the law demands it.

## Spare parts

We keep spare parts for at least eight years after the last unit of a model was delivered. The Corvo 100, last delivered
in June 2021, is still repaired; its batteries are no longer made.
"""

TELETRABAJO = """
# Norma de teletrabajo de la planta de Alcorvia

Código PA-RH-12. En vigor desde el 15 de enero de 2026. Responsable: Nuria Bescansa, Recursos Humanos.

## Objeto

Esta norma regula el trabajo a distancia del personal de Alcorvia. Es voluntario para ambas partes y se firma en un
acuerdo individual. El personal de Port Ellard y Tessmouth se rige por su propia política.

## Quién puede acogerse

Hace falta una antigüedad mínima de seis meses y un puesto que no exija presencia. El número de días depende de la
sección:

| Sección | Días por semana |
| Administración y compras | 3 días |
| Atención al cliente | 2 días |
| Ingeniería | 2 días, fuera de las semanas de montaje piloto |
| Calidad | 1 día |
| Producción, almacén y mantenimiento | ninguno |

El lunes se trabaja en la planta en todas las secciones. Los días no disfrutados no se acumulan para la semana
siguiente.

## Horario

La persona debe estar localizable de 9:30 a 13:30. El resto de la jornada se reparte libremente entre las 7:00 y las
20:00. El registro de jornada se hace en el portal Tidewater, con las mismas reglas que en la planta. Fuera de ese
margen nadie está obligado a contestar.

## Medios y compensación

La empresa entrega un ordenador portátil, un monitor y un teléfono. Además paga:

- 31,50 € al mes en concepto de gastos de conexión y energía, en proporción a los días realizados;
- hasta 260,00 € para una silla ergonómica, una vez cada cinco años y con factura.

La conexión de la vivienda debe alcanzar al menos 50 megabits por segundo de bajada. Si hay un corte de más de dos
horas, la persona acude a la planta o recupera el tiempo en los siete días siguientes.

## Trabajo desde otro lugar

El domicilio de teletrabajo figura en el acuerdo. Se puede trabajar desde una segunda residencia dentro del país
avisando con 48 horas. Desde el extranjero se permiten 12 días laborables al año, con autorización de la dirección
solicitada con un mes de antelación.

## Prevención

El servicio de prevención revisa el puesto con un cuestionario y tres fotografías. Si lo considera necesario, Aurelio
Santamera visita el domicilio con el consentimiento de la persona. Los accidentes ocurridos en horario de trabajo se
comunican el mismo día.

## Solicitud y duración

1. La persona presenta la solicitud en el portal antes del día 15 del mes.
2. El jefe de sección informa en una semana.
3. Recursos Humanos firma el acuerdo, que empieza el primer día del mes siguiente.

El acuerdo dura un año y se renueva solo. Cualquiera de las partes puede ponerle fin con 15 días de preaviso. En caso de
avería grave en la planta, la dirección puede pedir la presencia de la plantilla con un día de aviso.

## Protección de la información

Se aplica la política de seguridad de la información de la empresa. No se imprimen planos fuera de la planta y no se
usan cuentas de correo particulares.
"""

TARIFA = """
# Tarifa de servicios técnicos 2026

Planta de Alcorvia. Precios en euros, sin impuestos, válidos desde el 1 de marzo de 2026 hasta nuevo aviso.

## Calibración y revisión

Los medidores Corvo se entregan en Alcorvia y se calibran en el laboratorio de Port Ellard; el precio incluye el
transporte entre las dos sedes. Los muestreadores se revisan en la propia planta.

| Servicio | Referencia | Precio |
| Calibración de Corvo 200 con certificado | SV-210 | 142,75 € |
| Calibración de Corvo 300 con certificado | SV-310 | 196,30 € |
| Calibración de un solo parámetro | SV-205 | 68,40 € |
| Revisión anual de Tarn S4 | SV-440 | 284,90 € |
| Cambio de tubo de bomba, con recambio | SV-445 | 57,20 € |

El plazo habitual es de doce días laborables para los medidores y de seis para los muestreadores. El servicio urgente lo
reduce a la mitad y lleva un recargo del 35 %.

## Trabajos en casa del cliente

| Concepto | Referencia | Precio |
| Hora de técnico | SV-010 | 62,50 € |
| Hora de viaje | SV-011 | 48,00 € |
| Kilómetro | SV-012 | 0,55 € |
| Puesta en marcha de boya Delfa B1 | SV-510 | 1.250,50 € |
| Puesta en marcha de boya Delfa B2 | SV-520 | 2.384,00 € |
| Jornada de barco con patrón | SV-530 | 910,00 € |

La puesta en marcha incluye un día de trabajo de dos técnicos y la formación del personal del cliente. El barco se cobra
aparte. Si el mal tiempo obliga a volver otro día, sólo se cobran el viaje y los kilómetros.

Los trabajos en sábado llevan un recargo del 50 %. No se trabaja en domingo, salvo en rescates de boyas a la deriva, que
se facturan al doble.

## Contrato anual

El contrato Fondeo incluye una revisión al año, la atención telefónica preferente y un descuento del 10 % en recambios.
Se ofrece a clientes con tres o más muestreadores y cuesta 249,00 € por equipo y año. Se paga por adelantado en enero.

## Presupuestos y reparaciones

El presupuesto de una reparación cuesta 38,00 €, que se descuentan si se acepta. Los presupuestos valen 30 días. Un
equipo que no se recoja en los dos meses siguientes devenga 1,80 € diarios de almacenaje.

Las reparaciones tienen una garantía de cuatro meses sobre la mano de obra. Las piezas tienen la suya, indicada en las
condiciones de garantía.

## Descuentos

- Organismos públicos: 5 % en calibraciones.
- Lotes de diez o más medidores: 12 % en calibraciones.
- Los dos descuentos no se suman; se aplica el mayor.

## Pago y contacto

Las facturas se pagan a 30 días. Los pedidos de servicio se envían a servicio@marenqua.example. El responsable del
taller es Lázaro Quintela, extensión 6205.
"""

PDF_SOURCES = (
    Source("hr/employee-handbook.pdf", "Employee Handbook", "en", HANDBOOK),
    Source("products/corvo-300-datasheet.pdf", "Corvo 300 Data Sheet", "en", CORVO_300),
    Source("products/price-list-2026.pdf", "Price List 2026", "en", PRICE_LIST),
    Source("es/productos/manual-tarn-s4.pdf", "Manual del muestreador Tarn S4", "es", TARN_MANUAL),
)
DOCX_SOURCES = (
    Source("policies/travel-policy-2024.docx", "Travel Policy 2024", "en", TRAVEL_2024),
    Source("policies/information-security.docx", "Information Security Policy", "en", SECURITY),
    Source("products/warranty-terms.docx", "Warranty Terms", "en", WARRANTY),
    Source("es/politicas/teletrabajo.docx", "Norma de teletrabajo", "es", TELETRABAJO),
    Source("es/comercial/tarifa-servicios.docx", "Tarifa de servicios técnicos 2026", "es", TARIFA),
)


def parse(text: str) -> list[Block]:
    """Cut a text in the small markup into blocks."""
    blocks: list[Block] = []
    paragraph_open = False
    for line in text.strip().splitlines():
        line = line.strip()
        last = blocks[-1] if blocks else None
        numbered = re.match(r"\d+\. (.*)", line)
        if not line:
            paragraph_open = False
            continue
        if line == "===":
            blocks.append(Block("page"))
        elif line.startswith("## "):
            blocks.append(Block("h2", line[3:]))
        elif line.startswith("# "):
            blocks.append(Block("h1", line[2:]))
        elif line.startswith("|"):
            row = [cell.strip() for cell in line.strip("|").split("|")]
            if paragraph_open and last is not None and last.kind == "table":
                last.rows.append(row)
            else:
                blocks.append(Block("table", rows=[row]))
        elif line.startswith("- ") or numbered:
            kind, item = ("ol", numbered.group(1)) if numbered else ("ul", line[2:])
            if paragraph_open and last is not None and last.kind == kind:
                last.items.append(item)
            else:
                blocks.append(Block(kind, items=[item]))
        elif paragraph_open and last is not None and last.kind == "p":
            last.text += " " + line
        elif paragraph_open and last is not None and last.kind in ("ul", "ol"):
            last.items[-1] += " " + line
        else:
            blocks.append(Block("p", line))
        paragraph_open = True
    return blocks


def pdf_styles() -> dict[str, ParagraphStyle]:
    """Return the paragraph styles of the PDF files by block kind."""
    base = getSampleStyleSheet()["BodyText"]
    body = ParagraphStyle("body", parent=base, fontName="Helvetica", fontSize=10, leading=14, spaceAfter=5)
    h1 = ParagraphStyle("h1", parent=body, fontName="Helvetica-Bold", fontSize=17, leading=21, spaceAfter=8)
    h2 = ParagraphStyle("h2", parent=body, fontName="Helvetica-Bold", fontSize=12, leading=16, spaceBefore=8)
    cell = ParagraphStyle("cell", parent=body, fontSize=9, leading=11, spaceBefore=0, spaceAfter=0)
    head = ParagraphStyle("head", parent=cell, fontName="Helvetica-Bold")
    return {"h1": h1, "h2": h2, "p": body, "cell": cell, "head": head}


def pdf_table(rows: list[list[str]], width: float, styles: dict[str, ParagraphStyle]) -> Table:
    """Lay out rows as a ruled table whose column widths follow the longest cell of each column."""
    longest = [max(10, max(len(row[column]) for row in rows)) for column in range(len(rows[0]))]
    cells = [
        [Paragraph(escape(cell), styles["head" if index == 0 else "cell"]) for cell in row] for index, row in enumerate(rows)
    ]
    table = Table(cells, colWidths=[width * count / sum(longest) for count in longest], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.5, colors.grey),
                ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#dfe9ef")),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ]
        )
    )
    return table


def write_pdf(source: Source, target: Path) -> None:
    """Write one PDF with a footer (company, title, page number) on every page."""
    word = "Página" if source.lang == "es" else "Page"
    styles = pdf_styles()
    document = SimpleDocTemplate(
        str(target),
        pagesize=A4,
        leftMargin=22 * mm,
        rightMargin=22 * mm,
        topMargin=20 * mm,
        bottomMargin=22 * mm,
        title=source.title,
        author=COMPANY,
        subject=source.title,
        creator=COMPANY,
        lang=source.lang,
        invariant=1,
    )

    def footer(canvas: Canvas, template: SimpleDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.drawString(22 * mm, 12 * mm, f"{COMPANY} · {source.title}")
        canvas.drawRightString(A4[0] - 22 * mm, 12 * mm, f"{word} {template.page}")
        canvas.restoreState()

    story: list[Flowable] = []
    for block in parse(source.text):
        if block.kind == "page":
            story.append(PageBreak())
        elif block.kind == "table":
            story += [Spacer(1, 3), pdf_table(block.rows, document.width, styles), Spacer(1, 7)]
        elif block.kind in ("ul", "ol"):
            items = [ListItem(Paragraph(escape(item), styles["p"])) for item in block.items]
            options: dict[str, Any] = (
                {"bulletType": "1", "bulletFormat": "%s."}
                if block.kind == "ol"
                else {"bulletType": "bullet", "start": "•", "bulletFontName": "Helvetica"}
            )
            story.append(ListFlowable(items, leftIndent=16, **options))
        else:
            story.append(Paragraph(escape(block.text), styles[block.kind]))
    document.build(story, onFirstPage=footer, onLaterPages=footer)


def write_docx(source: Source, target: Path) -> None:
    """Write one DOCX with built-in heading, list and table styles."""
    document = Document()
    properties = document.core_properties
    properties.title = properties.subject = source.title
    properties.author = properties.last_modified_by = COMPANY
    properties.comments = properties.keywords = ""
    properties.language = source.lang
    properties.created = properties.modified = FIXED_TIME
    properties.revision = 1
    document.sections[0].footer.paragraphs[0].text = f"{COMPANY} · {source.title}"
    for block in parse(source.text):
        if block.kind == "page":
            document.add_page_break()
        elif block.kind == "table":
            table = document.add_table(rows=len(block.rows), cols=len(block.rows[0]), style="Table Grid")
            for row, cells in zip(table.rows, block.rows, strict=True):
                for cell, text in zip(row.cells, cells, strict=True):
                    cell.text = text
            for cell in table.rows[0].cells:
                cell.paragraphs[0].runs[0].bold = True
            document.add_paragraph()
        elif block.kind in ("ul", "ol"):
            style = "List Number" if block.kind == "ol" else "List Bullet"
            for item in block.items:
                document.add_paragraph(item, style=style)
        elif block.kind in ("h1", "h2"):
            document.add_heading(block.text, level=int(block.kind[1]))
        else:
            document.add_paragraph(block.text)
    buffer = io.BytesIO()
    document.save(buffer)
    target.write_bytes(with_fixed_times(buffer.getvalue()))


def with_fixed_times(archive: bytes) -> bytes:
    """Return the ZIP archive with the same members in the same order, all carrying FIXED_TIME."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            info = zipfile.ZipInfo(name, date_time=FIXED_TIME.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            new.writestr(info, old.read(name))
    return result.getvalue()


def main() -> None:
    """Write all PDF and DOCX documents below the folder given with --out."""
    parser = argparse.ArgumentParser(description="Write the PDF and DOCX files of the sample knowledge base.")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder to write to")
    out: Path = parser.parse_args().out
    for sources, write in ((PDF_SOURCES, write_pdf), (DOCX_SOURCES, write_docx)):
        for source in sources:
            target = out / source.path
            target.parent.mkdir(parents=True, exist_ok=True)
            write(source, target)
            print(target.relative_to(out).as_posix())


if __name__ == "__main__":
    main()
