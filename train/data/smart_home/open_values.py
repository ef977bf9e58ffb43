"""Open text that a call copies from the sentence: list items, titles, messages, commands, timer names.

Composed from word lists that the training side and the test side do not share, so that no value of
a test occurs in training. Words that end a wildcard in the grammar ("in", "on", "to", "from", "for
me", "please") are kept out of the values: the oracle would cut them there.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from train.data.smart_home.names import OWNERS
from train.data.smart_home.sides import Side, words

_FOOD: dict[Side, list[str]] = {
    "train": words("""
            milk, eggs, bread, butter, apples, bananas, coffee, tea, sugar, flour, rice, pasta, chicken,
            salmon, cheese, yogurt, tomatoes, onions, garlic, potatoes, carrots, lettuce, olive oil, salt,
            cereal, orange juice, toilet paper, dish soap, laundry detergent, paper towels, batteries,
            trash bags, dog food, cat litter, shampoo, toothpaste, honey, peanut butter, ice cream,
            frozen pizza, ground beef, tortillas, avocados, lemons, spinach, mushrooms, cream cheese, bagels,
            bacon, maple syrup, light bulbs, sponges, diapers, tuna, chocolate, cookies, strawberries,
            blueberries, ham, mustard"""),
    "test": words("""
            oat drink, sausages, sourdough, margarine, pears, grapes, espresso beans, chamomile, cinnamon,
            oatmeal, couscous, lentils, turkey, shrimp, mozzarella, cottage cheese, cucumbers, leeks, ginger,
            sweet potatoes, celery, kale, vinegar, pepper, granola, apple juice, napkins, bleach,
            fabric softener, aluminum foil, candles, vacuum bags, bird seed, hand cream, razors, dental floss,
            jam, hummus, sorbet, lasagna, pork chops, pita, mangoes, limes, broccoli, zucchini, soy sauce,
            croissants"""),
}
_FOOD_BEFORE: dict[Side, list[str]] = {
    "train": words("""
            organic, fresh, some, two, three, a bag of, a box of, more, low fat, whole grain, a bottle of,
            frozen, six, a dozen, gluten free, extra, a pack of, cheap, brown, four"""),
    "test": words("""
            vegan, ripe, a few, five, ten, a jar of, a can of, lactose free, a carton of, two bags of, premium,
            unsalted, seven, a crate of, sliced"""),
}
_TASKS: dict[Side, tuple[list[str], list[str]]] = {
    "train": (
        words("call, email, visit, pay, book, thank, text, ask, remind, phone, meet, write"),
        words("""
            the dentist, the plumber, the landlord, the bank, the electrician, the school, my sister, the vet,
            the doctor, my boss, the insurance company, the neighbors, the accountant, the mechanic,
            the babysitter, aunt Marie"""),
    ),
    "test": (
        words("contact, message, see, invite, ring, interview, update, follow up with"),
        words("""
            the gardener, the lawyer, the optician, the roofer, the tax office, my cousin, the hairdresser,
            the travel agent, the new tenant, the piano teacher, the contractor, uncle Pete"""),
    ),
}
_CHORES: dict[Side, tuple[list[str], list[str]]] = {
    "train": (
        words("""
            clean, wash, fix, paint, buy, replace, sort, pack, check, organize, return, order, repair, fold,
            iron"""),
        words("""
            the windows, the car, the bike, the fence, a birthday card, the air filter, the bookshelf,
            the suitcase, the smoke alarm, the bed sheets, the shirts, the gutters, new shoes, the leaking tap,
            the photos, the winter coats, the oven, passports"""),
    ),
    "test": (
        words("""
            scrub, polish, mend, varnish, sell, upgrade, label, wrap, inspect, declutter, donate, sharpen,
            vacuum, renew"""),
        words("""
            the mirrors, the van, the scooter, the shed roof, a wedding gift, the water filter, the drawers,
            the backpacks, the fire extinguisher, the duvet, the carpets, the chimney, hiking boots,
            the broken chair, the old magazines, the knives"""),
    ),
}
_TITLE: dict[Side, tuple[list[str], list[str]]] = {
    "train": (
        words("""
            Midnight, Golden, Purple, Broken, Electric, Silver, Wild, Lonely, Summer, Crystal, Burning, Silent,
            Velvet, Neon, Paper, Dancing, Crimson, Endless, Sweet, Lucky, Frozen, Secret, Hollow, Rolling,
            Diamond"""),
        words("""
            River, Rain, Heart, Sky, Dreams, Road, Fire, Angel, Train, Stars, Garden, Shadow, Ocean, Moon,
            Highway, Ghosts, Machine, Letters, Mountain, Sunrise, Kingdom, Radio, Mirror, Wolves, Avenue"""),
    ),
    "test": (
        words("""
            Faded, Scarlet, Restless, Concrete, Autumn, Marble, Wicked, Distant, Copper, Fearless, Drifting,
            Emerald, Savage, Tender, Plastic, Howling, Amber, Sacred"""),
        words("""
            Harbor, Thunder, Soul, Horizon, Memories, Boulevard, Embers, Devil, Caravan, Comets, Orchard,
            Phantom, Tides, Lantern, Railway, Strangers, Engine, Postcards, Valley, Twilight"""),
    ),
}
_ARTISTS: dict[Side, list[str]] = {
    "train": words("""
            Queen, The Beatles, Adele, Coldplay, Miles Davis, Nina Simone, David Bowie, Madonna, Radiohead,
            Taylor Swift, Bob Marley, Johnny Cash, Daft Punk, Fleetwood Mac, Mozart, Beethoven, Metallica,
            Billie Eilish, Stevie Wonder, Pink Floyd, Ed Sheeran, Beyoncé, Kendrick Lamar, Norah Jones,
            Elvis Presley, Frank Sinatra, U2, ABBA, Bruce Springsteen, Drake, Vivaldi"""),
    "test": words("""
            Nirvana, The Rolling Stones, Amy Winehouse, Muse, John Coltrane, Ella Fitzgerald, Prince, Cher,
            Portishead, Lady Gaga, Jimmy Cliff, Willie Nelson, Kraftwerk, Simon and Garfunkel, Chopin, Bach,
            Iron Maiden, Lorde, Ray Charles, Genesis, Dua Lipa, Rihanna, Eminem, Diana Krall, Chuck Berry,
            Dean Martin, Depeche Mode, Blondie, Tom Petty, Debussy"""),
}
_SONGS: dict[Side, list[str]] = {
    "train": words("""
            Bohemian Rhapsody, Hey Jude, Thriller, Imagine, Yellow, Hotel California, Wonderwall, Africa,
            Rolling in the Deep, Stairway to Heaven, Billie Jean, Smells Like Teen Spirit, Take On Me,
            Sweet Child of Mine, Fix You, Let It Be, Jolene, Dancing Queen, Space Oddity, Viva la Vida,
            Respect, Clocks, Get Lucky, Halo, Perfect, Someone Like You"""),
    "test": words("""
            Purple Rain, Yesterday, Like a Prayer, Creep, Hurt, No Woman No Cry, Blue Monday, Starman, Rehab,
            Landslide, Superstition, Paint It Black, Vogue, Believe, Under Pressure, Waterloo, Feeling Good,
            Losing My Religion, Karma Police"""),
}
_GENRES: dict[Side, list[str]] = {
    "train": words("""
            jazz, classical music, rock, country music, some music, lofi beats, pop hits, Christmas songs,
            piano music, hip hop, white noise, nature sounds, 80s music, relaxing music, blues, techno,
            folk songs, reggae, dinner music, rain sounds"""),
    "test": words("""
            bossa nova, opera, heavy metal, bluegrass, chill beats, 90s hits, lullabies, cello suites, trap,
            ocean waves, brown noise, disco classics, soul music, drum and bass, gospel, ska, cocktail jazz,
            movie soundtracks"""),
}
_PLAYLISTS: dict[Side, list[str]] = {
    "train": words("""
            workout mix, road trip, summer hits, deep focus, party time, chill vibes, running,
            Monday motivation, cooking, sleep"""),
    "test": words("""
            gym beast, beach day, throwback anthems, coding flow, house warming, slow mornings, cycling,
            Friday feeling, brunch"""),
}
_PODCASTS: dict[Side, list[str]] = {
    "train": words("""
            This American Life, Radiolab, Serial, Science Weekly, The Daily, Planet Money, History Hour,
            Tech Today, Sleep Stories, Football Weekly, Kitchen Talk, True Crime Files"""),
    "test": words("""
            Hidden Brain, Invisibilia, Freakonomics, Stuff You Should Know, The Moth, Startup Diaries,
            Ancient Voices, Gadget Lab, Bedtime Tales, Cycling Now, Gardeners Question Time"""),
}
_FILMS: dict[Side, list[str]] = {
    "train": words("""
            Inception, The Matrix, Toy Story, Casablanca, Jurassic Park, Titanic, Frozen, The Godfather,
            Star Wars, Finding Nemo, Gladiator, Back to the Future, The Lion King, Jaws, Alien, Shrek,
            Interstellar, Amelie"""),
    "test": words("""
            Avatar, Pulp Fiction, Ratatouille, Vertigo, Blade Runner, Moana, The Shining, Forrest Gump,
            Spirited Away, Up, Braveheart, Top Gun, Aladdin, Psycho, Arrival, Paddington"""),
}
_SHOWS: dict[Side, list[str]] = {
    "train": words("""
            Friends, Breaking Bad, The Office, Stranger Things, Sherlock, The Simpsons, Seinfeld, Planet Earth,
            Bluey, Lost, Doctor Who, House of Cards, Peppa Pig, Chernobyl, Succession, Game of Thrones"""),
    "test": words("""
            Fargo, Better Call Saul, Parks and Recreation, Black Mirror, Luther, Futurama, Frasier,
            Blue Planet, Sesame Street, The Wire, Firefly, The Crown, Paw Patrol, Severance, Ted Lasso"""),
}
_TIMER: dict[Side, list[str]] = {
    "train": words("""
            pizza, pasta, laundry, egg, cookies, tea, nap, homework, bread, workout, chicken, rice, meditation,
            cake, coffee, roast, dishwasher, screen time, reading, break, potatoes, lasagna, soup,
            piano practice, steak, bath, parking, yoga, muffins, dryer, stretching, turkey, brownies, game,
            medicine, hair dye, dough, plank, cooling, popcorn, broth, pudding, porridge,
            meatballs, sausage rolls, fries, nuggets, corn, peas, carrots, onions, garlic bread, croutons, pretzels,
            cheesecake, custard, jelly, ice cubes, smoothie, lemonade, iced tea, green tea, mocha, cocoa, cold brew,
            hard boiled egg, soft egg, omelette, frittata, risotto, polenta, gnocchi, ravioli, tacos, nachos, chili,
            goulash, sushi rice, tofu, fish sticks, trout, lamb, brisket, bacon, ham, gravy, glaze, crust, yeast,
            second rise, defrost, thaw, preheat, oven, microwave, grill, smoker, kettle, rinse, spin cycle, wash,
            towels, sheets, delicates, mop, dusting, vacuuming, dishes, trash, compost, watering, sprinkler,
            fertilizer, paint, primer, glue, plaster, concrete, soldering, backup, download, update, upload, render,
            print job, meeting, standup, interview, lecture, test, spelling, math, flash cards, essay, drawing,
            coloring, puzzle, lego, video game, cartoon, movie, television, playtime, recess, quiet time, time out,
            bedtime, wake up, snooze, power nap, sunbath, tanning, shave, makeup, nails, curlers, teeth, whitening,
            retainer, eye drops, inhaler, vitamins, insulin, ice pack, heating pad, massage, foot soak, breathing,
            mindfulness, gratitude, warm up, cool down, jogging, intervals, push ups, sit ups, lunges, skipping,
            boxing, rowing, swim, dance, ballet, guitar, drums, choir, singing, trumpet, flute, rehearsal, dog walk,
            puppy, feeding, litter, aquarium, bottle, diaper, carpool, bus, school, pickup, taxi, flight, ferry, mail,
            lottery, auction, kickoff, halftime, overtime, penalty, poker, bingo, trivia, charades, hide and seek,
            break time, lunch, dinner, snack, fasting, hydration, focus, pomodoro, deadline, candle, incense,
            fireplace, fog, bubbles, seedlings, eclipse"""),
    "test": words("""
            quiche, noodles, ironing, waffles, pancakes, espresso, siesta, exam, focaccia, sauna, salmon,
            quinoa, prayer, pie, casserole, ribs, washing machine, tablet, journaling, pause, beans, curry,
            stew, violin, burger, shower, charging, pilates, scones, squats, duck, fudge, chess, pills,
            face mask, marinade, sprint, revision, proofing"""),
}
_NEWS: dict[Side, tuple[list[str], list[str]]] = {
    "train": (
        words("""
            dinner, lunch, breakfast, the movie, the bus, the game, the taxi, the cake, grandma, the pizza,
            the meeting, the show, the laundry, the doctor, the party, the car, the concert, coffee"""),
        words("""
            is ready, is here, starts soon, is about to start, is waiting, is almost done, starts at eight,
            is outside, is late today"""),
    ),
    "test": (
        words("""
            supper, brunch, dessert, the film, the train, the match, the ride, the soup, grandpa, the delivery,
            the call, the quiz, the roast, the tutor, the barbecue, the plumber, the recital, tea"""),
        words("""
            is served, has arrived, begins shortly, will be delayed, is over, is nearly finished,
            begins at six, is downstairs now"""),
    ),
}
_MESSAGES: dict[Side, list[str]] = {
    "train": words("""
            time to go to bed, everyone come downstairs, we are leaving now, set the table, I am home,
            wash your hands, we need to leave soon, the kids are asleep, somebody open the door,
            put your shoes on, it is bath time, happy birthday, the dog needs a walk, who wants ice cream,
            do your homework, be quiet, good night everyone, I am going to the store, get ready for school,
            come and help me, I found the keys, we have guests, come down for dinner"""),
    "test": words("""
            time to get up, everybody gather outside, we are off now, clear the table, mum is back,
            brush your teeth, the car leaves soon, the baby is napping, someone answer the phone,
            grab your jackets, it is story time, merry Christmas, the cat got out, who is hungry,
            tidy your rooms, keep it down, see you tomorrow everybody, I will be back soon, pack your bags,
            lend me a hand, your aunt has called, the plumber is coming, the water will be shut off"""),
}
_COMMANDS: dict[Side, tuple[list[str], list[str]]] = {
    "train": (
        words("turn off, turn on, switch off, switch on, stop, start"),
        words("""
            the oven, the lights, the TV, the heater, the fan, the sprinkler, the coffee maker,
            the bedroom lights, the music, the kettle, the porch light, the dishwasher, all the lights,
            the radio, the desk lamp, the air conditioner, the vacuum"""),
    ),
    "test": (
        words("turn off, turn on, shut down, power off, activate, deactivate"),
        words("""
            the stove, the lamps, the projector, the radiator, the humidifier, the hose, the toaster,
            the terrace lights, the podcast, the grill, the hot tub, the washing machine, everything,
            the stereo, the mirror light, the dehumidifier, the mower"""),
    ),
}
_COMMANDS_WHOLE: dict[Side, list[str]] = {
    "train": words("""
            open the garage, close the blinds, lock the front door, mute the TV, play some jazz,
            dim the lights, open the curtains, close the garage, unlock the door, start the dryer,
            feed the cat, activate movie night, announce dinner, close the window"""),
    "test": words("""
            raise the shades, lower the awning, lock the shed, pause the film, play the news,
            brighten the lounge, shut the skylight, open the gate, feed the fish, start the laundry,
            run the bedtime routine, water the lawn, tell everyone goodnight"""),
}
_COUNTS = frozenset(
    words("""
            two, three, four, five, six, seven, ten, a dozen, a few, a crate of, a bag of, two bags of""")
)


def _shopping(rng: Random, side: Side) -> str:
    item = rng.choice(_FOOD[side])
    if " of" not in item and rng.random() < 0.4:
        counted = item.endswith("s")
        before = rng.choice([word for word in _FOOD_BEFORE[side] if counted or word not in _COUNTS])
        item = f"{before} {item}"
    return item


def _todo(rng: Random, side: Side) -> str:
    draw = rng.random()
    if draw < 0.3:
        return _shopping(rng, side)
    verbs, things = (_CHORES if draw < 0.65 else _TASKS)[side]
    return f"{rng.choice(verbs)} {rng.choice(things)}"


def _title(rng: Random, side: Side) -> str:
    if rng.random() < 0.4:
        return rng.choice(_SONGS[side])
    first, second = _TITLE[side]
    return f"{rng.choice(first)} {rng.choice(second)}"


def _track(rng: Random, side: Side) -> str:
    title = _title(rng, side)
    return f"{title} by {rng.choice(_ARTISTS[side])}" if rng.random() < 0.35 else title


def _media(rng: Random, side: Side) -> str:
    draw = rng.random()
    if draw < 0.45:
        return _track(rng, side)
    return rng.choice((_ARTISTS if draw < 0.65 else _GENRES if draw < 0.9 else _SHOWS)[side])


def _message(rng: Random, side: Side) -> str:
    draw = rng.random()
    if draw < 0.3:
        return rng.choice(_MESSAGES[side])
    if draw < 0.45:
        return f"{rng.choice(OWNERS[side])} {rng.choice(_NEWS[side][1])}"
    things, states = _NEWS[side]
    return f"{rng.choice(things)} {rng.choice(states)}"


def _command(rng: Random, side: Side) -> str:
    if rng.random() < 0.25:
        return rng.choice(_COMMANDS_WHOLE[side])
    verbs, things = _COMMANDS[side]
    return f"{rng.choice(verbs)} {rng.choice(things)}"


def _timer(rng: Random, side: Side) -> str:
    return rng.choice(_TIMER[side])


_BY_MEDIA_CLASS: dict[str, Callable[[Random, Side], str]] = {
    "artist": lambda rng, side: rng.choice(_ARTISTS[side]),
    "album": _title,
    "track": _track,
    "playlist": lambda rng, side: rng.choice(_PLAYLISTS[side]),
    "podcast": lambda rng, side: rng.choice(_PODCASTS[side]),
    "movie": lambda rng, side: rng.choice(_FILMS[side]),
    "tv_show": lambda rng, side: rng.choice(_SHOWS[side]),
}
_BY_LIST: dict[str, Callable[[Random, Side], str]] = {
    "shopping_list_item": _shopping,
    "todo_list_item": _todo,
    "search_query": _media,
    "message": _message,
    "timer_command": _command,
    "timer_name": _timer,
}


def open_value(rng: Random, side: Side, list_name: str, media_class: str | None = None) -> str:
    """A value for the wildcard `list_name`; `media_class` narrows what is played. KeyError: unknown wildcard."""
    if list_name == "search_query" and media_class in _BY_MEDIA_CLASS:
        return _BY_MEDIA_CLASS[media_class](rng, side)
    return _BY_LIST[list_name](rng, side)


def test_texts() -> list[str]:
    """Every word list of the test side, for the check that training never uses its words."""
    lists: list[list[str]] = [
        *(table["test"] for table in (_FOOD, _FOOD_BEFORE, _ARTISTS, _SONGS, _GENRES, _PLAYLISTS, _PODCASTS, _FILMS)),
        *(table["test"] for table in (_SHOWS, _TIMER, _MESSAGES, _COMMANDS_WHOLE)),
        *(part for table in (_TASKS, _CHORES, _TITLE, _NEWS, _COMMANDS) for part in table["test"]),
    ]
    return [text for texts in lists for text in texts]
