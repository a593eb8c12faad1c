"""Languages by name. In: a code, a tag or a name, as people write it. Out: an ISO 639-1 code. Knows no engine.

"fr", "FR", "fr-FR", "fr_CA", "fra", "fre", "French", "français", "francais" -> "fr"
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher
from functools import cache, lru_cache
from heapq import nlargest
from itertools import pairwise

NUM_NEAREST = 5
"""Suggestions for a language that does not exist: enough for a slip of the finger, and one line."""

NUM_COMPARED = 40
"""Names whose letters are aligned with those of an unknown one: the names with the most letters in common. Aligning all
550 would block the event loop for 10 ms at each such message of a client."""

MAX_NAME_CHARS = 35
"""Length limit of a name or tag (RFC 5646); of longer text only the beginning is compared and shown."""

_TAG = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9]{1,8})+")
"""A code with region or script, such as en-us or zh_hans, in lower case."""


def language_code(name: object) -> str | None:
    """The code of a language, or None if there is no such language.

    Args:
        name: A code of ISO 639-1 or 639-2, also with a region or script, or the language's name in English or in
            itself, in any case.
    """
    if not isinstance(name, str) or len(name) > MAX_NAME_CHARS:
        return None
    key = _key(name)
    tag = _TAG.fullmatch(key)
    code = tag[1] if tag else key
    return _codes().get(code) or _long_codes().get(code)


def language_name(code: str) -> str:
    """The English name of a language, or the code itself if it is unknown."""
    return _english().get(code, code)


def unknown_language(name: object) -> str:
    """Why `name` cannot be used, with the nearest languages."""
    if not isinstance(name, str):
        return 'language must be a string, such as "en"'
    shown = name if len(name) <= MAX_NAME_CHARS else f"{name[:MAX_NAME_CHARS]}..."
    if name.strip().lower() in {"", "auto"}:
        return (
            f"there is no language {shown!r}; without a language the engine chooses, or detects it if it knows several"
        )
    return f"there is no language {shown!r}; the nearest are {', '.join(nearest_languages(name))}"


def nearest_languages(name: str, among: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The `NUM_NEAREST` languages whose code or name is most like `name`, such as "French (fr)".

    Args:
        name: A code or name, known or not. A known one is compared by its names, too.
        among: The codes to choose from; empty for all.
    """
    codes = {key: code for key, code in _codes().items() if not among or code in among}
    known = language_code(name)
    asked = {_key(name[:MAX_NAME_CHARS]), *(key for key, code in _codes().items() if code == known)}
    near = set(nlargest(NUM_COMPARED, codes, key=lambda key: max(_overlap(key, other) for other in asked)))
    ordered = [key for key in codes if key in near]  # in the order of the table, which breaks ties
    likeness = {key: max(SequenceMatcher(None, key, other).ratio() for other in asked) for key in ordered}
    found = dict.fromkeys(codes[key] for key in sorted(ordered, key=lambda key: -likeness[key]))
    return tuple(f"{_english()[code]} ({code})" for code in list(found)[:NUM_NEAREST])


def _overlap(key: str, other: str) -> float:
    """The share of common letters and pairs of letters, 0 to 1."""
    some, others = _fragments(key), _fragments(other)
    return 2 * len(some & others) / (len(some) + len(others))


@lru_cache(1_000)
def _fragments(key: str) -> frozenset[str]:
    return frozenset(key) | {a + b for a, b in pairwise(f" {key} ")}


@cache
def _codes() -> dict[str, str]:
    """Codes by code and by name, as `_key` writes them."""
    codes: dict[str, str] = {}
    for code, names in _names():
        codes |= {_key(name): code for name in names}
    return codes | _OLD_CODES | {code: code for code, _ in _names()}


@cache
def _long_codes() -> dict[str, str]:
    """Codes by those of ISO 639-2. Not among the nearest: no slip of the finger is likely to be one."""
    lines = (line.split(":") for line in _ISO_639_2.split())
    return {long: code for code, *longs in lines for long in longs}


@cache
def _english() -> dict[str, str]:
    """Each language's English name by its code."""
    return {code: names[0] for code, names in _names()}


@cache
def _names() -> tuple[tuple[str, tuple[str, ...]], ...]:
    lines = (line.partition(" ") for line in _TABLE.strip().splitlines())
    return tuple((code, tuple(names.split(", "))) for code, _, names in lines)


def _key(name: str) -> str:
    """A name without case, accents and surrounding space."""
    plain = unicodedata.normalize("NFKD", name.strip().casefold())
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


_OLD_CODES = {"iw": "he", "in": "id", "ji": "yi", "jw": "jv", "mo": "ro", "nb": "no", "cmn": "zh", "fil": "tl"}
"""Codes that stand for one in the table: withdrawn ones, Whisper's, and those of the usual tags."""

_ISO_639_2 = """
aa:aar ab:abk ae:ave af:afr ak:aka am:amh an:arg ar:ara as:asm av:ava ay:aym az:aze ba:bak be:bel bg:bul bi:bis bm:bam
bn:ben bo:tib:bod br:bre bs:bos ca:cat ce:che ch:cha co:cos cr:cre cs:cze:ces cu:chu cv:chv cy:wel:cym da:dan de:ger:deu
dv:div dz:dzo ee:ewe el:gre:ell en:eng eo:epo es:spa et:est eu:baq:eus fa:per:fas ff:ful fi:fin fj:fij fo:fao fr:fre:fra
fy:fry ga:gle gd:gla gl:glg gn:grn gu:guj gv:glv ha:hau he:heb hi:hin ho:hmo hr:hrv ht:hat hu:hun hy:arm:hye hz:her
ia:ina id:ind ie:ile ig:ibo ii:iii ik:ipk io:ido is:ice:isl it:ita iu:iku ja:jpn jv:jav ka:geo:kat kg:kon ki:kik kj:kua
kk:kaz kl:kal km:khm kn:kan ko:kor kr:kau ks:kas ku:kur kv:kom kw:cor ky:kir la:lat lb:ltz lg:lug li:lim ln:lin lo:lao
lt:lit lu:lub lv:lav mg:mlg mh:mah mi:mao:mri mk:mac:mkd ml:mal mn:mon mr:mar ms:may:msa mt:mlt my:bur:mya na:nau nd:nde
ne:nep ng:ndo nl:dut:nld nn:nno no:nor:nob nr:nbl nv:nav ny:nya oc:oci oj:oji om:orm or:ori os:oss pa:pan pi:pli pl:pol
ps:pus pt:por qu:que rm:roh rn:run ro:rum:ron ru:rus rw:kin sa:san sc:srd sd:snd se:sme sg:sag si:sin sk:slo:slk sl:slv
sm:smo sn:sna so:som sq:alb:sqi sr:srp ss:ssw st:sot su:sun sv:swe sw:swa ta:tam te:tel tg:tgk th:tha ti:tir tk:tuk
tl:tgl tn:tsn to:ton tr:tur ts:tso tt:tat tw:twi ty:tah ug:uig uk:ukr ur:urd uz:uzb ve:ven vi:vie vo:vol wa:wln wo:wol
xh:xho yi:yid yo:yor za:zha zh:chi:zho zu:zul
"""
"""The codes of ISO 639-2 (bibliographic, then terminological), which films use for their tracks."""

# The languages of ISO 639-1 and Whisper's two others: the code, the name in English, in the language, other names.
_TABLE = """
aa Afar, Qafar
ab Abkhazian, Abkhaz, аԥсуа
ae Avestan
af Afrikaans
ak Akan
am Amharic, አማርኛ
an Aragonese, aragonés
ar Arabic, العربية, عربي
as Assamese, অসমীয়া
av Avaric, авар
ay Aymara, aymar
az Azerbaijani, azərbaycan dili, azərbaycanca, Azeri
ba Bashkir, башҡорт теле, башҡорт
be Belarusian, беларуская
bg Bulgarian, български
bi Bislama
bm Bambara, bamanankan
bn Bengali, বাংলা, Bangla
bo Tibetan, བོད་སྐད་
br Breton, brezhoneg
bs Bosnian, bosanski
ca Catalan, català, Valencian, valencià
ce Chechen, нохчийн
ch Chamorro, chamoru
co Corsican, corsu
cr Cree
cs Czech, čeština, česky
cu Church Slavonic
cv Chuvash, чӑваш
cy Welsh, Cymraeg
da Danish, dansk
de German, Deutsch
dv Divehi, ދިވެހި, Maldivian
dz Dzongkha, རྫོང་ཁ
ee Ewe, eʋegbe
el Greek, ελληνικά
en English
eo Esperanto
es Spanish, español, Castilian, castellano
et Estonian, eesti keel, eesti
eu Basque, euskara
fa Persian, فارسی, Farsi
ff Fulah, Fulfulde
fi Finnish, suomi
fj Fijian
fo Faroese, føroyskt
fr French, français
fy Western Frisian, Frisian, Frysk
ga Irish, Gaeilge
gd Scottish Gaelic, Gaelic, Gàidhlig
gl Galician, galego
gn Guarani, avañe'ẽ
gu Gujarati, ગુજરાતી
gv Manx, Gaelg
ha Hausa
haw Hawaiian, ʻōlelo Hawaiʻi
he Hebrew, עברית
hi Hindi, हिन्दी, हिंदी
ho Hiri Motu
hr Croatian, hrvatski
ht Haitian Creole, kreyòl ayisyen, Haitian, kreyòl
hu Hungarian, magyar
hy Armenian, հայերեն
hz Herero
ia Interlingua
id Indonesian, bahasa Indonesia, Indonesia
ie Interlingue
ig Igbo
ii Sichuan Yi
ik Inupiaq
io Ido
is Icelandic, íslenska
it Italian, italiano
iu Inuktitut
ja Japanese, 日本語
jv Javanese, basa Jawa, Jawa
ka Georgian, ქართული
kg Kongo
ki Kikuyu
kj Kwanyama
kk Kazakh, қазақ тілі, қазақша
kl Greenlandic, kalaallisut
km Khmer, ខ្មែរ
kn Kannada, ಕನ್ನಡ
ko Korean, 한국어
kr Kanuri
ks Kashmiri
ku Kurdish, kurdî
kv Komi
kw Cornish, kernewek
ky Kyrgyz, кыргызча, Kirghiz
la Latin, lingua latina
lb Luxembourgish, Lëtzebuergesch, Letzeburgesch
lg Ganda, Luganda
li Limburgish, Limburgs
ln Lingala, lingála
lo Lao, ລາວ
lt Lithuanian, lietuvių
lu Luba-Katanga
lv Latvian, latviešu
mg Malagasy
mh Marshallese
mi Maori, te reo Māori
mk Macedonian, македонски
ml Malayalam, മലയാളം
mn Mongolian, монгол
mr Marathi, मराठी
ms Malay, bahasa Melayu, Melayu
mt Maltese, Malti
my Burmese, မြန်မာ, Myanmar
na Nauru
nd North Ndebele
ne Nepali, नेपाली
ng Ndonga
nl Dutch, Nederlands, Flemish, Vlaams
nn Norwegian Nynorsk, nynorsk
no Norwegian, norsk, bokmål, norsk bokmål
nr South Ndebele
nv Navajo
ny Chichewa, Nyanja
oc Occitan, occitan
oj Ojibwa
om Oromo
or Odia, ଓଡ଼ିଆ, Oriya
os Ossetian, ирон
pa Punjabi, ਪੰਜਾਬੀ, Panjabi
pi Pali
pl Polish, polski
ps Pashto, پښتو, Pushto
pt Portuguese, português
qu Quechua, runa simi
rm Romansh, rumantsch
rn Rundi, Kirundi
ro Romanian, română, Moldavian, Moldovan
ru Russian, русский
rw Kinyarwanda
sa Sanskrit, संस्कृतम्
sc Sardinian, sardu
sd Sindhi, سنڌي
se Northern Sami, davvisámegiella
sg Sango
si Sinhala, සිංහල, Sinhalese
sk Slovak, slovenčina
sl Slovenian, slovenščina, Slovene
sm Samoan
sn Shona, chiShona
so Somali, Soomaali
sq Albanian, shqip
sr Serbian, српски, srpski
ss Swati
st Southern Sotho, Sesotho
su Sundanese, basa Sunda
sv Swedish, svenska
sw Swahili, Kiswahili
ta Tamil, தமிழ்
te Telugu, తెలుగు
tg Tajik, тоҷикӣ
th Thai, ไทย
ti Tigrinya, ትግርኛ
tk Turkmen, türkmençe
tl Tagalog, Filipino
tn Tswana
to Tonga
tr Turkish, Türkçe
ts Tsonga
tt Tatar, татарча, татар
tw Twi
ty Tahitian
ug Uyghur, ئۇيغۇرچە, Uighur
uk Ukrainian, українська
ur Urdu, اردو
uz Uzbek, oʻzbekcha, o'zbekcha
ve Venda
vi Vietnamese, tiếng Việt
vo Volapük
wa Walloon, walon
wo Wolof
xh Xhosa, isiXhosa
yi Yiddish, ייִדיש
yo Yoruba, Yorùbá
yue Cantonese, 粵語, 粤语, 廣東話
za Zhuang
zh Chinese, 中文, Mandarin, 普通话, 汉语
zu Zulu, isiZulu
"""
