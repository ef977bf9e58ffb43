"""An unlimited supply of words for names that a model has never seen.

A model that meets a few thousand names learns those names; one that meets a new name in every other row has to learn
to copy. Some of the words are plain English ones that people name things by, some any words of a lexicon of 12,000
(a student trained without these wrote "surty" for "surround": it could copy the pieces it knew), the others are
invented from syllables, so that every piece of the tokenizer occurs inside names. No word of the test side is among
them.
"""

from __future__ import annotations

import re
from functools import cache
from random import Random

from train.data.smart_home import open_values
from train.data.smart_home.lexicon import LEXICON
from train.data.smart_home.names import pool
from train.data.smart_home.places import AREAS, FLOORS
from train.data.smart_home.sides import words

_ENGLISH = words("""
    acorn, alder, almond, alpine, anchor, angle, apricot, arrow, ash, aspen, autumnal, badger, bakery, balloon,
    banner, barley, basil, basket, beacon, bear, beetle, birch, biscuit, bishop, blossom, bottle, boulder,
    bramble, branch, brass, breeze, bridge, bronze, brook, bubble, bucket, bunny, butler, button, cactus, camel,
    canary, candy, canvas, canyon, captain, carbon, caramel, castle, cherry, chestnut, chimney, cider, circle,
    citrus, clover, coast, cobalt, cobble, comet, compass, coral, cotton, cove, crane, cricket, crimson,
    crystal, cube, cypress, dahlia, daisy, dapple, dawn, delta, denim, desert, dolphin, domino, dragon, drift,
    duke, dune, dusk, eagle, echo, elder, ember, engine, falcon, farm, feather, fern, fiddle, field, finch,
    flame, flint, forest, fossil, fox, freight, frost, galaxy, gallery, garlic, gazelle, gecko, gentle, giant,
    gravel, grizzly, grove, hammer, harvest, hawk, hazel, heather, hedge, heron, hickory, hill, honey, hornet,
    humble, hunter, indigo, iris, iron, ivory, ivy, jacket, jaguar, jasmine, jelly, jewel, juniper, jungle,
    kestrel, kettle, kite, koala, lagoon, lake, larch, laurel, lavender, leaf, ledge, lemon, leopard, lilac,
    lime, linden, lion, lizard, llama, lobster, lotus, lynx, magnet, magpie, mango, maple, maroon, marsh,
    meteor, mint, mole, monkey, moss, moth, mulberry, mustang, nectar, needle, nickel, north star, nutmeg, oak,
    oasis, ocean, olive, onyx, orbit, orchid, otter, oyster, paddle, palm, panda, panther, parsley, peacock,
    pebble, pelican, penny, peony, pepper, petal, pigeon, pine, pinto, pioneer, pixel, planet, plaza, plum,
    pocket, polar, pond, poplar, poppy, prairie, prism, puffin, puma, pumpkin, quail, quarry, quartz, quiver,
    rabbit, raccoon, radish, ranch, raven, reef, ribbon, ridge, river, robin, rocket, root, rowan, ruby, rustic,
    saddle, saffron, sage, sailor, salmon, sand, sapling, sapphire, satin, scout, seal, shell, shepherd, sierra,
    skipper, slate, snow, sparrow, spice, spider, spruce, squirrel, steel, stone, storm, stream, sugar, sunset,
    swan, sycamore, tango, teal, temple, thistle, tiger, timber, toffee, topaz, tortoise, tower, trail, tulip,
    tundra, turtle, umber, urban, vanilla, velvet, viking, viper, walnut, walrus, wheat, whisper, willow,
    winter, wolf, wren, yarrow, yonder, zebra, zenith, zinc, absolute, ancient, basic, bent, bold, bright,
    broad, calm, classic, clever, cozy, crisp, curly, deep, double, dusty, early, easy, fancy, final, fluffy,
    funny, grand, happy, heavy, hidden, huge, inner, jolly, late, lazy, little, long, loose, lost, loud, lucky,
    magic, mellow, mighty, narrow, neat, noisy, odd, open, outer, plain, pretty, private, proud, public, rapid,
    rare, rough, royal, rusty, shiny, short, simple, single, sleepy, slim, slow, small, snug, soft, solid,
    spare, steep, strange, strong, sturdy, sunny, super, thick, thin, triple, twin, upper, warm, western, wide,
    wild, wise, young""")
_STARTS = words("""
    b, bl, br, c, ch, cl, cr, d, dr, f, fl, fr, g, gl, gr, h, j, k, kr, l, m, n, p, pl, pr, qu, r, s, sc, sh, sk, sl,
    sm, sn, sp, st, str, sw, t, th, tr, v, w, wh, z""")
_VOWELS = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "ai", "ea", "ee", "oo", "ou", "oa", "ie", "au", "y"]
_ENDS = words("""
    -, -, -, b, ck, d, ff, g, l, ll, m, mp, n, nd, ng, nk, nt, p, r, rd, rk, rl, rm, rn, rt, s, sh, sk, ss, st, t, th,
    tt, v, x, z, rth, lt, ld, ch, dge, ct""")
_ENDINGS = ["", "", "", "er", "ing", "ed", "y", "le", "on", "en", "ia", "o", "a", "ley", "ton", "ex", "um", "ish"]
_INVENTED_SHARE, _LEXICON_SHARE, _HYPHEN_SHARE = 0.3, 0.4, 0.03
# Domains whose names end in a word that says what they are, and the grammar's own words for kinds of device.
KINDS = (
    "light", "fan", "switch", "media_player", "climate", "cover", "valve", "lock", "sensor", "vacuum", "lawn_mower"
)  # fmt: skip
CLASS_WORDS = words("""
    light, lights, lighting, lamp, lamps, fan, fans, switch, switches, door, doors, window, windows, lock, locks, gate,
    gates, blind, blinds, curtain, curtains, shade, shades, shutter, shutters, awning, awnings, garage, timer, timers,
    tv, volume, temperature, temp, brightness, color, room, area, space, floor, house, home, here, everywhere, scene,
    script, list, mode""")
_WORD = re.compile(r"[A-Za-z]+")


def fresh_word(rng: Random) -> str:
    """A lower-case word that no test name holds and that says no kind: plain English, of the lexicon, or invented."""
    while True:
        draw = rng.random()
        if draw < _INVENTED_SHARE:
            word = invented_word(rng)
        else:
            word = rng.choice(LEXICON if draw < _INVENTED_SHARE + _LEXICON_SHARE else _ENGLISH)
        if not any(part in words_of_the_tests() or part in words_of_kinds() for part in word.split()):
            return f"{word}-{invented_word(rng)}" if rng.random() < _HYPHEN_SHARE else word


def invented_word(rng: Random) -> str:
    """A word that can be pronounced, such as 'brandlex' or 'soatum'."""
    made = _syllable(rng)
    if rng.random() < 0.4:
        made += rng.choice(_VOWELS) if made[-1] not in "aeiouy" else ""
        made += _syllable(rng)
    ending = rng.choice(_ENDINGS) if len(made) < 7 else ""
    return made + (ending[1:] if ending and made[-1] == ending[0] else ending)


def _syllable(rng: Random) -> str:
    return rng.choice(_STARTS) + rng.choice(_VOWELS) + rng.choice(_ENDS).replace("-", "")


@cache
def words_of_kinds() -> frozenset[str]:
    """Last words of places and devices: "kitchen lamp" is the area kitchen and its lights, never a name."""
    places = [text.partition("@")[0] for text in (*AREAS["train"], *FLOORS["train"])]
    devices = [entry.text for domain, names in pool("train").devices.items() for entry in names if domain in KINDS]
    last = {text.lower().rsplit(maxsplit=1)[-1] for text in places + devices}
    return frozenset(last | {word.rstrip("s") for word in last} | set(CLASS_WORDS))


@cache
def words_of_the_tests() -> frozenset[str]:
    """Every lower-case word that occurs in a name or open value of the test side."""
    side = pool("test")
    texts = [entry.text for names in (side.areas, side.floors, side.zones, *side.devices.values()) for entry in names]
    texts += open_values.test_texts()
    return frozenset(word.lower() for text in texts for word in _WORD.findall(text))
