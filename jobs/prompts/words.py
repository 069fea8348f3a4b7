"""Text of a known length in tokens: common English words of three letters.

Each of them is one token, with a space before it and without, in the published vocabularies of
GPT-3, GPT-4 and GPT-4o (r50k, cl100k, o200k), Claude 2 and DeepSeek V3; with its space it has four
characters, which the rule of `jobs.costs.estimate` counts as one token too. A chat
template adds a few.
"""

import random

_TEXT = """
ace act add age ago aid aim air ale all and ant any app apt arc are arm art ash ask axe bad
bag ban bar bat bay bed bee bet bid big bin bit bot bow box boy bug bus but buy bye can cap
car cat cod cue cup cut dad dam day den did dig dim dog dot dry due ear eat egg elf end era
eye fan far fat fed fee few fig fin fit fix fly for fox fun fur gap gas gel gem get got had
ham has hat hem hen her hey hid him hip his hit hog hop hot how hub hum ice icy ink inn its
jam jar jet job joy jug key kid kin kit lab lad lag lap law lay led leg let lie lip lit log
lot low mad man map mat max may men met mid mix mod mom net new nor not now nut odd off oft
oil old one orb ore our out owe owl own pad pal pan pat pay peg pen per pet pie pin pit ply
pod pop pot pro pub put ram ran rap rat raw ray red ref rib rid rig rim rip rob rod rot row
rub rug run sat say sea see set she sit six ski sky son sub sum sun tab tag tan tap tar tax
ten the tin tip ton too top try two use van vet via was way web wed who why wig win won yes
yet you zip
"""
WORDS = tuple(_TEXT.split())
WORD_BYTES = 4  # with the space
# For each place in a word, the letter that a random byte stands for.
_LETTERS = [bytes(ord(word[place]) for word in WORDS) for place in range(WORD_BYTES - 1)]


def words(tokens: int, rng: random.Random) -> str:
    """So many words, drawn uniformly from 256 with one random byte each."""
    return spelled(rng.randbytes(tokens))


def spelled(drawn: bytes) -> str:
    """The words that random bytes stand for. A prompt of 120,000 tokens takes half a millisecond:
    what is due in the meantime is late by that."""
    text = bytearray(b" " * (WORD_BYTES * len(drawn)))
    for place, letters in enumerate(_LETTERS):
        text[place::WORD_BYTES] = drawn.translate(letters)
    return text[:-1].decode("ascii")
