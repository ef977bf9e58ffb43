"""Names of people, rooms, floors and devices: a large pool for training, another one for the tests.

The packages bring no names, and names decide how hard the task is: a model that has memorised a
few fails on new ones. Most device names are composed (modifier + noun), so that the training pool
has thousands and copying from the sentence pays. Modifiers, owners and whole names of the two
sides are disjoint; about half of the nouns are shared, since a name has to tell its kind
("set X to 30" depends on it). Conventions that keep labels unambiguous:

- a device name never starts with a room ("kitchen lamp" is the area kitchen + lights), and is never
  a bare class word ("fan", "mower", "garage door");
- scenes, scripts, buttons and lists never end in their class word: in "movie night scene" the name
  is "movie night". All other names keep their noun ("desk lamp", "patio heater");
- a floor is called by its whole name: "first floor", "basement".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Literal, NamedTuple

from train.data.smart_home.places import AREAS, CITIES, FLOORS, OWNED_ROOMS, ZONES
from train.data.smart_home.sides import Side, words

OWNED_SHARE = 0.18


class Entry(NamedTuple):
    """One name. `article`: 'the' (may take the/my/our) or 'none' ("Emma's lamp", "upstairs").
    `preposition` is the natural one before a place; empty where none is said ("upstairs")."""

    text: str
    article: Literal["the", "none"] = "the"
    preposition: str = "in"


@dataclass(frozen=True)
class Names:
    """Names of one kind; the owned ones ("Emma's lamp") are many, so they are drawn with a fixed share."""

    common: list[Entry]
    owned: list[Entry] = field(default_factory=list)

    def draw(self, rng: Random) -> Entry:
        return rng.choice(self.owned if self.owned and rng.random() < OWNED_SHARE else self.common)

    def __iter__(self) -> Iterator[Entry]:
        return iter([*self.common, *self.owned])

    def __len__(self) -> int:
        return len(self.common) + len(self.owned)


@dataclass(frozen=True)
class Pool:
    """All names of one side. `devices`: entity domain → names."""

    areas: Names
    floors: Names
    zones: Names
    devices: dict[str, Names]


OWNERS: dict[Side, list[str]] = {
    "train": words("""
            Emma, Liam, Olivia, Noah, Sophie, Lucas, Mia, Ethan, Ava, James, Grandma, Dad, Mum, Hannah, Leo,
            Chloe, Oscar, Grace, Henry, Isla, Jack, Lily, Daniel, Zoe, Max, Ella, Samuel, Ruby, Thomas, Alice,
            Ben, Clara, David, Eva, Finn, Greta, Hugo, Ingrid, Jonas, Kate, Lena, Marco, Nina, Otto, Paula,
            Quinn, Rosa, Simon, Tessa, Victor, Wendy, Yusuf, Aisha, Priya, Kenji, Mei, Carlos, Fatima, Diego,
            Anya, Patrick, Bridget, Martin, Laura, Nana, Papa, Granny, Auntie June, Cousin Ray, Abigail, Adrian, Agnes,
            Albert, Amir, Andrea, Angus, Astrid, Beatrice, Bernard, Blake, Brenda, Bruno, Camila, Cedric, Celine, Chen,
            Connor, Cora, Damian, Daphne, Dominic, Doris, Edgar, Edith, Elsa, Emil, Ernest, Esther, Farah, Fiona, Flora,
            Frank, Georgia, Gideon, Gloria, Gwen, Hamza, Harold, Hassan, Hilda, Ian, Igor, Irene, Ivan, Jasper, Jenna,
            Joel, Josephine, Julian, Kira, Klaus, Lars, Lorenzo, Lucia, Magnus, Malik, Margot, Mateo, Maud, Milo,
            Monika, Nadia, Naomi, Nils, Noor, Olga, Pablo, Pascal, Pearl, Petra, Quentin, Ralph, Ravi, Regina, Rhys,
            Roland, Rupert, Sabrina, Salma, Sven, Tamara, Tariq, Ulrich, Ursula, Vera, Vikram, Walter, Xenia, Yara,
            Zachary, Zelda"""),
    "test": words("""
            Grandpa, Mom, Amelia, William, Charlotte, Benjamin, Harper, Theo, Nora, Felix, Stella, Arthur,
            Maya, Oliver, Violet, Elias, Matilda, Rafael, Sanjay, Yuki, Omar, Bianca, Stefan, Helena, Gustav,
            Imogen, Declan, Freya, Tomas, Leila, Aunt Carol, Uncle Bob"""),
}

_PLACED = {
    "train": words("""
            left, right, corner, front, back, small, big, old, new, upper, lower, main, second, spare, white,
            black, wooden, blue, smart, round, tall, vintage"""),
    "test": words("""
            middle, far, rear, center, tiny, large, broken, third, red, silver, glass, yellow, square,
            wireless, antique, side"""),
}

# Domain → (modifiers, nouns, whole names, whether people own such things).
_COMPOSED: dict[str, dict[Side, tuple[list[str], list[str], list[str], bool]]] = {
    "light": {
        "train": (
            words("""
            bedside, reading, desk, ceiling, wall, table, pendant, accent, overhead, night, standing, sofa,
            shelf, mirror, cabinet, window, piano, bookcase, fireplace, TV, stair, work, vanity, hanging,
            string, Hue, Ikea, globe, arc, copper, dresser, spiral, entrance, moon, star"""),
            words("""
            lamp, light, lights, lamps, lamp, light, spotlight, spots, LED strip, bulb, lantern, pendant, light panel,
            light string, downlight, floodlight, glow tube, night light, luminaire, lampshade"""),
            words("""
            chandelier, Nanoleaf, lava lamp, fairy lights, disco ball, Christmas lights, downlights,
            floodlight, lantern, moon globe, candle chain, ring light, grow light, light box, light cube, string lights,
            strip lights, flower lamp, wall washer, spot rail, lampion, banker lamp, gooseneck, glow ball, lava tube,
            light curtain, star projector, LED ring, filament bulb, mood light, vanity bulbs"""),
            True,
        ),
        "test": (
            words("""
            counter, headboard, island, picture, sink, aquarium, wardrobe, tripod, tree, paper, Tiffany, torch,
            crib, path, halogen, marble, ladder, mantel, rattan, cove, beam"""),
            words("lamp, light, lights, lamps, spotlight, sconce, light bar, uplight, backlight"),
            words("""
            torchiere, Lightstrip, salt lamp, rope lights, neon sign, candelabra, track lights,
            recessed lights, snowman lights"""),
            True,
        ),
    },
    "fan": {
        "train": (
            words("""
            ceiling, desk, tower, box, exhaust, standing, window, pedestal, Dyson, table, extractor, wall,
            bedside, loud"""),
            words("fan, fan, fan, fan, fan, ventilator, air mover, extractor"),
            words("aerator, ion fan, windmaker, air washer, air purifier, range hood, air circulator, cooker hood fan"),
            True,
        ),
        "test": (
            words("""
            bladeless, cooling, chrome, stove hood, whole house, Vornado, mist, clip-on, turbo, industrial,
            roof, crib"""),
            words("fan, fan, fan, blower"),
            words("air cleaner, vent fan, extractor hood, Honeywell purifier"),
            True,
        ),
    },
    "switch": {
        "train": (
            [],
            words("""
            coffee maker, kettle, space heater, printer, router, Christmas tree, humidifier, dehumidifier,
            fish tank pump, heated blanket, toaster, rice cooker, phone charger, battery charger, water pump,
            slow cooker, hair dryer, power strip, smart plug, electric grill, sewing machine, water heater,
            dishwasher, freezer, radio outlet, milk frother, egg cooker, ice cream maker, pasta machine, juicer,
            blender,
            mixer, food processor, soda maker, beer tap, microwave, induction hob, oven, drinks cooler, ice crusher,
            vending machine, bubble machine, fog machine, snow machine, slot machine, fax machine, ironing press,
            steam mop, heating pad, foot bath, hair curler, shaver charger, scooter charger, camera charger,
            drone charger, exercise bike, rowing machine, vibration plate, sunbed, label printer, shredder, scanner,
            laminator, computer, monitor, laptop, server rack, network switch, access point, range extender,
            baby monitor, doorbell cam, dash cam, air compressor, drill press, table saw, band saw, lathe, kiln,
            soldering iron, pressure washer, leaf blower, hedge trimmer, pond pump, bilge pump, air pump, gate motor,
            generator, inverter, incubator, egg turner, grow tent, seed warmer, frost guard, telescope mount,
            model railway, carousel, arcade cabinet, pinball, synthesizer, drum machine, karaoke machine"""),
            words("3D printer, bug zapper, towel warmer, wax melter, sump pump, treadmill, irrigation pump"),
            True,
        ),
        "test": (
            [],
            words("""
            espresso machine, electric blanket, waffle iron, modem, bread maker, aquarium filter, air fryer,
            plant heater, fountain, washing machine, tumble dryer, hot tub, extension cord, tablet charger,
            oil diffuser, heat mat"""),
            words("laser cutter, mosquito trap, popcorn machine, pool pump, panel heater, massage chair"),
            True,
        ),
    },
    "input_boolean": {
        "train": (
            words("""
            vacation, guest, night, party, sleep, cleaning, quiet, away, summer, holiday, eco, homework,
            workout, rain, storm, school, cooking, gaming, dinner, visitor, frost, silent night, holiday light"""),
            words("mode"),
            words("""
            door alerts, storm alerts, frost alarm, rain delay, night watch, motion alerts, auto lock, presence
            simulation, morning alarm clock, doorbell chime"""),
            False,
        ),
        "test": (
            words("travel, winter, babysitter, pet, nap, meditation, sick day, focus, energy saving, weekend"),
            words("mode"),
            words("leak alerts, auto watering, burglar deterrent, wake up alarm, mail notifications"),
            False,
        ),
    },
    "media_player": {
        "train": (
            words("""
            Samsung, LG, Sony, Roku, Bose, Sonos, smart, bluetooth, portable, Google, Yamaha, kids,
            flat screen, wall mounted"""),
            words("""
            TV, speaker, speakers, stereo, soundbar, receiver, television, tuner, subwoofer, loudspeaker, hi-fi,
            music box, sound system, CD player, set-top box"""),
            words("""
            Chromecast, Apple TV, record player, Sonos Beam, projector, Echo Dot, home theater, jukebox,
            turntable, Fire Stick, Echo Show, Echo Pop, Nest Mini, Google Home, Sonos Move, Sonos Roam, Roku Ultra, Wii,
            walkman, phonograph, victrola, DVD player, Blu-ray player, VCR, tape recorder, wireless set, telly,
            karaoke box, iPod, squeezebox, Bluesound Node, Naim Muso, beamer, video wall, tweeters"""),
            True,
        ),
        "test": (
            words("""
            Panasonic, Philips, JBL, Denon, Marshall, vintage hifi, outdoor waterproof, Vizio, retro, surround,
            Harman, car boot"""),
            words("TV, speaker, speakers, stereo, radio, amplifier, boombox"),
            words("""
            Nvidia Shield, HomePod, Sonos Arc, Nest Hub, gramophone, streaming stick, Xbox, PlayStation,
            cassette deck"""),
            True,
        ),
    },
    "climate": {
        "train": (
            words("main, smart, Nest, Bosch, digital, wall, gas, electric, wireless, old"),
            words("thermostat, radiator, heater, air conditioner, AC, thermostat, furnace, cooler, aircon, heating"),
            words("""
            gas fireplace, storage heater, window unit, oil burner, radiant panel, climate unit, chiller, Ecobee,
            heat pump, floor heating, towel radiator, mini split, central heating, HVAC, swamp cooler"""),
            True,
        ),
        "test": (
            words("Honeywell, Tado, Daikin, portable, ceiling, infrared, Netatmo, back, cast iron, zone two"),
            words("thermostat, radiator, heater, air conditioner, AC, convector"),
            words("""
            Sensibo, underfloor heating, pellet stove, heat exchanger, split unit, wood boiler,
            baseboard heater"""),
            True,
        ),
    },
    "cover": {
        "train": (
            words("""
            roller, venetian, blackout, left, right, sliding, roman, vertical, velvet, sheer, front, side,
            back, wooden, bay, french, electric, silk, east, west"""),
            words("blinds, curtains, shutters, shade, blind, curtain, roller door, canopy, louvers"),
            words("""
            sliding door, front gate, side gate, skylight, roof window, projector screen, dog door,
            striped awning, barn door, sash window, trap door, accordion door, bug screen, boom barrier,
            rolling shutter, dormer window, hen door, drawbridge, sunshade"""),
            True,
        ),
        "test": (
            words("""
            honeycomb, pleated, motorized, linen, bamboo, north, south, middle, rear, plantation, thermal,
            striped, café, cedar"""),
            words("blinds, curtains, shutters, shade, drapes, screen"),
            words("""
            main gate, cat flap, pergola roof, roof hatch, folding door, rolling gate, Velux, swing gate,
            sun sail"""),
            True,
        ),
    },
    "valve": {
        "train": (
            words("main, water, gas, sprinkler, irrigation, drip, shutoff, hose, radiator, tank"),
            words("valve"),
            words("bypass valve, lawn sprinkler, drip line, rain barrel tap"),
            False,
        ),
        "test": (
            words("safety, pool, boiler, inlet, flower bed, fountain, return, emergency"),
            words("valve"),
            words("drain valve, hydrant, soaker hose, cistern tap"),
            False,
        ),
    },
    "lock": {
        "train": (
            words("front, back, side, main, apartment, shed, bike, inner, glass door, left"),
            words("door lock, lock, deadbolt"),
            words("""
            fire door, trunk lock, bike chain, key box, drinks cabinet, tool chest, shed padlock,
            front door, back door, side door, gun safe, Yale lock, medicine cabinet, pet door, main entrance"""),
            False,
        ),
        "test": (
            words("rear, storage, tool, gate, mailbox, outer, french door, right"),
            words("door lock, lock, smart lock"),
            words("""
            entrance door, glass slider, wine fridge, August lock, liquor cabinet, storm door, safe room,
            gym locker"""),
            False,
        ),
    },
    "sensor": {
        "train": (
            words("""
            outdoor, battery, water tank, fuel, energy, power, electricity, air, CO2, noise, soil, rain, wind,
            pool, solar, phone battery, radon, internet, dust, oil tank"""),
            words("level, level, meter, sensor, quality, usage, monitor"),
            words("""
            outdoor humidity, wind speed, power consumption, soil moisture, UV index, barometric pressure,
            download speed, step count, water usage, heating costs, tide level, snow depth, leaf wetness, traffic
            noise"""),
            False,
        ),
        "test": (
            words("""
            propane, compost, rainwater, grid, freezer, septic tank, laundry, gas, ozone, car battery,
            sunlight"""),
            words("level, meter, sensor, reading, gauge"),
            words("""
            pollen count, indoor humidity, solar production, dew point, upload speed, daily rainfall,
            salt level, heart rate"""),
            False,
        ),
    },
    "binary_sensor": {
        "train": (
            words("""
            front door, back door, motion, window, mailbox, fridge, bed, smoke, entry, freezer, shower, couch,
            desk, cat door"""),
            words("sensor, contact, sensor, detector"),
            words("presence sensor, occupancy sensor, seat sensor"),
            False,
        ),
        "test": (
            words("""
            screen door, letterbox, crib, parking spot, cupboard, medicine box, vibration, chair, hatch,
            stairwell, playpen"""),
            words("sensor, contact, detector"),
            words("radar sensor, entrance contact, mattress sensor"),
            False,
        ),
    },
    "scene": {
        "train": (
            [],
            [],
            words("""
            movie night, dinner party, romantic evening, good morning, bright, relax, sunset, reading time,
            cozy evening, date night, game night, focus, tropical, winter wonderland, sleepy time, breakfast,
            candlelit dinner, ocean blue, spring blossom, late night, Halloween, concentrate, energize,
            arctic aurora, rainy day, warm glow, nightlight, wake up, hangout, campfire, bath time,
            homework light, yoga, storm, candy, midnight, Saturday brunch, deep sleep, poker night, pizza night,
            family dinner, birthday, thunder, volcano, jungle, forest walk, desert dusk, polar night,
            harvest moon, autumn leaves, first snow, golden hour, blue hour, disco, cinema, gaming, coding,
            painting, dancing, massage, bubble bath, lullaby, fairy tale, pirate ship, outer space, underwater,
            coffee break, lunch break, picnic, carnival, Easter morning, New Year, Valentine, pumpkin night,
            cleaning day, guests arrive, everybody out, calm down, soft white, full power,
            slow fade, meadow, rainbow"""),
            False,
        ),
        "test": (
            [],
            [],
            words("""
            film evening, lazy Sunday, savanna sunset, northern lights, karaoke, book club, siesta, sunrise,
            tea party, wine tasting, stargazing, jazz bar, Christmas eve, moonlight, aperitif, cartoon hour,
            after work, spa day, lagoon, cherry blossom, quiet hours, goodnight kiss"""),
            False,
        ),
    },
    "script": {
        "train": (
            [],
            [],
            words("""
            bedtime routine, morning routine, lock up, water the plants, leaving home, coffee time, arrival,
            pet feeding, wake the kids, evening shutdown, laundry reminder, party time, lawn watering,
            school run, cooking time, weekly report, restart network, trash day, lights out, vacation check,
            story time, morning briefing, water the roses, walk the dog, open the house, chill out, rose watering,
            heat up the car, flush the pipes, count the chickens, collect the mail, charge the car, start the day,
            end the day, bake the bread, warm the bed, check the doors, test the alarms, evening round"""),
            False,
        ),
        "test": (
            [],
            [],
            words("""
            good night routine, feed the fish, close everything, away check, dinner bell, movie setup,
            storm protection, nap time, workout session, work from home, wind down, air out the house,
            welcome guests, power saving, daily summary, homework hour"""),
            False,
        ),
    },
    "button": {
        "train": (
            [],
            [],
            words("""
            doorbell, panic, gate opener, restart router, feed the cat, find my phone, reset filter,
            dispense treat, elevator, ice maker, reboot server, wake computer, coffee, calibrate,
            side gate bell, feed the birds, reboot camera, reset alarm, honk, flash, snooze, eject, test siren"""),
            False,
        ),
        "test": (
            [],
            [],
            words("""
            front gate bell, emergency, refill bowl, restart hub, feed the dog, locate keys, reset counter,
            intercom, wash cycle, start brewing, self test, SOS, identify, ring chime"""),
            False,
        ),
    },
    "todo": {
        "train": (
            words("""
            birthday party, camping, moving, Christmas, holiday, wedding, seaside, weekend, house, school,
            work, road trip"""),
            words("supplies, tasks, prep, things, jobs, ideas, needs, gear, plans, notes, items"),
            words("""
            chores, to-do, groceries, packing, hardware store, errands, wish, gift, homework, cleaning,
            household, reading, bucket, repairs, costco, pharmacy, office, books to read, places to see, songs to learn,
            things to fix, games to try, recipes to cook, calls to make, bills to pay, seeds to sow, gifts to buy,
            letters to write, walks to do, weekly menu, butcher, baker, pet shop, hardware, spring cleaning,
            not to forget, bring along, lend out, tax papers, wardrobe, dream trips"""),
            True,
        ),
        "test": (
            words("barbecue, ski trip, baby shower, festival, picnic, renovation, exam, graduation"),
            words("supplies, tasks, stuff"),
            words("""
            housework, to buy, meal plan, presents, honey-do, drugstore, Saturday jobs, yard work,
            movies to watch, ikea, farmers market, maintenance"""),
            True,
        ),
    },
    "vacuum": {
        "train": (
            words("robot, Roborock, Roomba, Dreame, Xiaomi, blue, little, Eufy"),
            words("vacuum, vacuum cleaner, vacuum"),
            words("""
            dust robot, carpet robot, vac, cleaning machine, Dustin, Roomba, robot hoover, dust buster, sweeping
            robot, mopping robot, Deebot"""),
            True,
        ),
        "test": (
            words("Neato, Shark, Ecovacs, iRobot, turbo, silent, spare, Bissell"),
            words("vacuum, vacuum cleaner, hoover"),
            words("Braava, cleaning bot, Roomba Junior, floor sweeper, mop bot"),
            True,
        ),
    },
    "lawn_mower": {
        "train": (
            words("robot, front lawn, back lawn, Husqvarna, Gardena, solar, old, automatic, Worx"),
            words("mower, lawn mower"),
            words("""
            Automower, mowing robot, Landroid, grass cutter, turf robot, lawn trimmer, yard robot, mowing
            machine"""),
            True,
        ),
        "test": (
            words("side lawn, Stihl, Bosch, orchard, Segway, meadow, cordless"),
            words("mower, lawn mower"),
            words("Mammotion, lawn robot, grass trimmer robot, Indego"),
            True,
        ),
    },
}
_COMPOSED["input_button"] = _COMPOSED["button"]


def _place(text: str) -> Entry:
    name, _, preposition = text.partition("@")
    if preposition == "-":
        return Entry(name, "none", "")
    if preposition.endswith("-"):
        return Entry(name, "none", preposition[:-1])
    return Entry(name, "the", preposition or "in")


def _devices(domain: str, side: Side, taken: set[str]) -> Names:
    modifiers, nouns, whole, owned = _COMPOSED[domain][side]
    texts = list(whole)
    texts += [f"{modifier} {noun}" for modifier in modifiers for noun in nouns]
    if domain in ("switch", "media_player", "light", "fan"):
        texts += [
            f"{placed} {noun}" for placed in _PLACED[side] for noun in [*nouns, *(whole if domain == "switch" else [])]
        ]
    if domain == "switch":
        texts += nouns
    common = [Entry(text) for text in dict.fromkeys(texts) if not _repeats(text) and text.casefold() not in taken]
    if not owned:
        return Names(common)
    things = [noun for noun in [*nouns, *whole] if noun not in ("lights", "lamps", "curtain", "blind")]
    if domain == "todo":
        things = words("grocery, homework, birthday, packing" if side == "train" else "wish, reading, errand")
    return Names(
        common, [Entry(f"{owner}'s {thing}", "none") for owner in OWNERS[side] for thing in dict.fromkeys(things)]
    )


def _repeats(text: str) -> bool:
    """'table table', 'light lights': a modifier with the same word as the noun."""
    parts = [part.rstrip("s") for part in text.lower().split()]
    return len(set(parts)) < len(parts)


@cache
def pool(side: Side) -> Pool:
    """The names of one side; the test side holds no device name of the training side."""
    taken = (
        {entry.text.casefold() for names in pool("train").devices.values() for entry in names}
        if side == "test"
        else set()
    )
    devices = {domain: _devices(domain, side, taken) for domain in _COMPOSED}
    devices["person"] = Names([Entry(owner, "none", "at") for owner in OWNERS[side]])
    devices["weather"] = Names([Entry(city, "none", "in") for city in CITIES[side]])
    owned_rooms = [Entry(f"{owner}'s {room}", "none", "in") for owner in OWNERS[side] for room in OWNED_ROOMS[side]]
    areas = Names([_place(text) for text in AREAS[side]], owned_rooms)
    return Pool(areas, Names([_place(t) for t in FLOORS[side]]), Names([_place(t) for t in ZONES[side]]), devices)
