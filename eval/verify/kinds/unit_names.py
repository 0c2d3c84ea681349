"""Names of units, of powers and of scales, and the words that are part of no unit."""

import re

_KNOWN = {  # words for the same unit, in one row
    "m": "m meter meters metre metres",
    "cm": "cm centimeter centimeters centimetre centimetres",
    "mm": "mm millimeter millimeters millimetre millimetres",
    "km": "km kilometer kilometers kilometre kilometres",
    "in": "in inch inches",
    "ft": "ft foot feet",
    "yd": "yd yard yards",
    "mi": "mi mile miles",
    "s": "s sec secs second seconds",
    "min": "min mins minute minutes",
    "h": "h hr hrs hour hours",
    "day": "day days",
    "week": "week weeks",
    "month": "month months",
    "year": "yr yrs year years",
    "g": "g gm gram grams",
    "kg": "kg kilogram kilograms",
    "mg": "mg milligram milligrams",
    "lb": "lb lbs pound pounds",
    "oz": "oz ounce ounces",
    "l": "l L liter liters litre litres",
    "ml": "ml mL milliliter milliliters millilitre millilitres",
    "gal": "gal gallon gallons",
    "acre": "acre acres",
    "dollar": "dollar dollars usd USD",
    "cent": "cent cents",
    "euro": "euro euros EUR",
    "mph": "mph",
    "degree": "degree degrees deg",
    "radian": "radian radians rad",
    "J": "J joule joules",
    "N": "N newton newtons",
    "W": "W watt watts",
    "V": "V volt volts",
    "Hz": "Hz hertz",
    "eV": "eV",
    "K": "K kelvin kelvins",
    "Pa": "Pa pascal pascals",
    "erg": "erg ergs",
    "mol": "mol mole moles",
    "C": "C coulomb coulombs",
    "A": "ampere amperes amp amps",
    "ohm": "ohm ohms Ω",
    "celsius": "celsius Celsius",
    "fahrenheit": "fahrenheit Fahrenheit",
    "T": "T tesla",
    "AA": "angstrom angstroms",
    "unit": "unit units",
}
# SI prefixes (BIPM, The International System of Units, 9th ed. 2019, table 7), where a unit takes
# one: 3 keV is not 3 MeV
_PREFIXES = {"f": "femto", "p": "pico", "n": "nano", "µ": "micro", "m": "milli", "c": "centi"}
_PREFIXES |= {"k": "kilo", "M": "mega", "G": "giga", "T": "tera"}
_PREFIXED = ("m", "s", "g", "l", "J", "N", "W", "V", "Hz", "eV", "Pa", "mol", "A", "ohm")


def _units() -> dict[str, str]:
    """Every word and symbol of a unit with the name of the unit."""
    known: dict[str, str] = {}
    for unit in _PREFIXED:
        names = [word for word in _KNOWN[unit].split() if len(word) > 3]
        for letter, prefix in _PREFIXES.items():
            known |= {prefix + name: letter + unit for name in names}
            known |= {symbol + unit: letter + unit for symbol in (letter, letter.replace("µ", "u"))}
    return known | {word: unit for unit, words in _KNOWN.items() for word in words.split()}


UNITS = _units()
POWER_WORDS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9}
SCALES |= {"trillion": 10**12, "quadrillion": 10**15, "dozen": 12}
SCALES |= {"mn": 10**6, "bn": 10**9, "lakh": 10**5, "crore": 10**7}
_PART_OF_NO_UNIT = """
and or to but if when while otherwise where for not no nor none than over mod modulo plus minus
times divided factorial root pi half halves quarter third thirds fourth fourths fifth fifths
sixth sixths seventh sevenths eighth eighths ninth ninths tenth tenths twelfth twelfths
hundredth hundredths thousandth thousandths pair pairs score twice double triple reciprocal
inverse opposite lost more less am pm a.m p.m is are equals equal even odd remainder base below
above negative positive infinity undefined instead wait then with without from between except
prime composite approximately approx about wrong maybe either both choose power squareroot
through at most least fewer short unless gross googol myriad zillion mil mill kilo mega giga milli
mille permille false true sin cos tan cot sec csc ln log lg exp sqrt cis gcd lcm max unknown
"""
# an ordinal that is a part: 5 thirteenths, 5 millionths
FRACTION = re.compile(
    r".*(?:teen|tie|ion|hundred|thousand|fif|six|seven|eigh|nin|ten|eleven|twelf|four)ths?"
)
MEANING = frozenset(_PART_OF_NO_UNIT.split())  # these words change what is said
