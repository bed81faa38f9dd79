"""A little English: lists of words that any text may use. Knows no task, and no question of anybody's."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _numbered(text: str, *, start: int, step: int = 1) -> dict[str, int]:
    return {word: step * number for number, word in enumerate(text.split(), start=start)}


STOP_WORDS = _words("""
    a about above after again all also am an and any are as at be because been before being below between both
    but by can could did do does doing down during each few for from further had has have having he her here
    hers him his how i if in into is it its itself just me mine more most my myself no nor not now of off on
    once only or other our ours out over own per please same shall she should so some such than that the their
    theirs them then there these they this those through to too under until up upon us very was we were what
    when where which while who whom whose why will with within without would you your yours yourself don't
    doesn't didn't isn't aren't wasn't can't couldn't won't wouldn't i'm i've i'd i'll you're you've it's
    that's what's who's where's there's let's
""")
"""Words that say how a sentence is built, not what it is about."""

COMMANDS = _words("""
    answer ask call check describe explain fetch find get give help know let like look make need perform
    please run say see show tell try use using want tool function
""")
"""Words by which people ask for something, whatever it is."""

IMPERATIVES = COMMANDS | _words("""
    add book buy calculate cancel close compare compute convert count create delete divide draw email
    extract format generate identify list multiply open order pay plan play put read remember remind
    remove reserve save schedule search send set sort start stop subtract summarise summarize take
    translate turn update visit write
""")
"""Words that a sentence which asks for something begins with."""

ABBREVIATIONS = _words("mr mrs ms dr prof st sr jr vs etc e.g i.e cf no fig vol approx dept inc ltd co")
"""Words that a full stop may follow inside a sentence."""

_FORMS = """
    become became; begin began begun; bring brought; build built; buy bought; catch caught;; choose chose
    chosen; come came; do did done; draw drew drawn; drive drove driven; eat ate eaten; fall fell fallen;
    feel felt; fight fought; find found; fly flew flown; forget forgot forgotten; get got gotten; give
    gave given; go went gone; grow grew grown; hear heard; hold held; keep kept; know knew known; lead
    led; leave left; lend lent; lose lost; make made; mean meant; meet met; pay paid; ride rode ridden;
    ring rang rung; rise rose risen; run ran; say said; see saw seen; sell sold; send sent; show shown;
    sing sang sung; sit sat; sleep slept; speak spoke spoken; spend spent; stand stood; steal stole
    stolen; swim swam swum; take took taken; teach taught; tell told; think thought; throw threw thrown;
    understand understood; wake woke woken; wear wore worn; win won; write wrote written; child children;
    foot feet; man men; mouse mice; person people; tooth teeth; woman women
"""
IRREGULAR = {form: forms[0] for line in _FORMS.split(";") for forms in [line.split()] for form in forms[1:]}
"""Irregular forms, each with the word it is a form of."""

PERSONS = {
    "i": "you",
    "me": "you",
    "my": "your",
    "mine": "yours",
    "myself": "yourself",
    "am": "are",
    "i'm": "you're",
    "i've": "you've",
    "i'd": "you'd",
    "i'll": "you'll",
    "we": "you",
    "us": "you",
    "our": "your",
    "ours": "yours",
    "you": "I",
    "your": "my",
    "yours": "mine",
    "you're": "I'm",
    "i was": "you were",
    "you are": "I am",
    "you were": "I was",
}
"""What words of person become when the other one says them."""

MONTHS = _numbered("jan feb mar apr may jun jul aug sep oct nov dec", start=1)
"""The beginnings of the months' names, with their numbers."""

DAYS = _words("monday tuesday wednesday thursday friday saturday sunday today tonight tomorrow yesterday")
"""Words that name a day."""

CALENDAR = DAYS | _words(
    "january february march april may june july august september october november december"
)
"""Words that name a day or a month."""

JOINING = _words("in at on to for with from and or is are by of that which into as about under per")
"""Words that end a phrase before them."""

PLACING = _words("in at near from to for around of")
"""Words that a place's name follows."""

_COUNTED = (
    _numbered("zero one two three four five six seven eight nine ten eleven twelve", start=0)
    | _numbered("thirteen fourteen fifteen sixteen seventeen eighteen nineteen", start=13)
    | _numbered("twenty thirty forty fifty sixty seventy eighty ninety", start=2, step=10)
    | {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 1_000_000}
)
_WORD = "(?:" + "|".join(sorted(_COUNTED, key=len, reverse=True)) + ")"
_COUNTED_WORD = re.compile(_WORD)
NUMBER = re.compile(
    rf"\b(?<!which )(?<!this )(?<!that )(?<!any )(?<!no ){_WORD}(?:(?: and |[ -]){_WORD}){{0,9}}\b",
    re.IGNORECASE,
)
"""A number in words."""


def counted(text: str) -> int:
    """The number that words such as "two hundred and five" tell."""
    total, part = 0, 0
    for word in _COUNTED_WORD.findall(text.casefold()):
        number = _COUNTED[word]
        if number >= _COUNTED["thousand"]:  # what came before is multiplied, and begins anew
            total, part = total + max(part, 1) * number, 0
        elif word in {"hundred", "dozen"}:
            part = max(part, 1) * number
        else:
            part += number
    return total + part


ARITHMETIC = tuple(
    (re.compile(said, re.IGNORECASE), named)
    for said, named in (
        (r"\d\s*\+\s*\d|\bplus\b|\bsum\b|\badd(?:ed|ing)?\b", "add plus sum addition"),
        (r"[\d)]\s*[*\u00d7]\s*[\d(]|\bmultipl|\bproduct of\b", "multiply product multiplication"),
        (r"\d\s+[-\u2212]\s+\d|\bminus\b|\bsubtract|\bdifference\b", "subtract minus difference subtraction"),
        (r"\d\s*[/÷]\s*\d|\bdivided?\b|\bquotient\b", "divide quotient division"),
        (
            r"\d\s*(?:[+*\u00d7/÷^]|\s[-\u2212]\s)\s*\(?\d",
            "calculate calculator compute arithmetic mathematical expression evaluate",
        ),
    )
)
"""How sums are said, each with the other words for them."""
