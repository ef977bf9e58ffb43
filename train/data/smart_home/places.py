"""Names of places: rooms, floors, zones and cities; a large pool for training, another one for the tests.

Which words are rooms can't be read off a sentence ("pause the veranda music" is the area veranda, "pause the retro
speaker" a device), so the training pool holds many. A trailing "@on" gives the preposition where it is not "in", "@-"
a place that takes neither article nor preposition, "@at-" one that takes no article.
"""

from __future__ import annotations

from train.data.smart_home.sides import Side, words

AREAS: dict[Side, list[str]] = {
    "train": words("""
            kitchen, living room, bedroom, bathroom, hallway, garage, office, dining room, guest room,
            laundry room, nursery, study, garden, patio@on, balcony@on, den, playroom, family room,
            master bedroom, guest bedroom, guest bathroom, home office, home gym, utility room, porch@on,
            front yard, driveway@on, closet, foyer, music room, workshop, library, game room, kids room,
            shower room, storage room, back bedroom, dressing room, breakfast room, entryway,
            upstairs bathroom, small bedroom, hobby room, carport, kitchenette, tv room, prayer room,
            craft room, snug,

            parlor, parlour, sitting room, drawing room, rumpus room, rec room, living area, dining area, open kitchen,
            outdoor kitchen, summer kitchen, breakfast area, bar, wet bar, scullery, larder, galley, canteen, cafeteria,
            coffee corner, tea room, dinette, lobby, vestibule, hall, front hall, entrance hall, back hall, stairway,
            staircase, stairs@on, landing@on, passage, passageway, cloakroom, coat closet, linen closet, broom closet,
            washroom, restroom, lavatory, water closet, wet room, steam room, half bath, main bath,
            kids bathroom, main bedroom, primary bedroom, second bedroom, twin bedroom, baby room, boys room,
            girls room, teen room, bunk room, dorm, dormitory, guest house, guest suite, granny flat, annex, loft room,
            attic room, workspace, workroom, work area, back office, homework room, computer room, school room,
            classroom, meeting room, conference room, break room, copy room, mail room, reception, waiting room,
            showroom, shop, store room, stockroom, supply room, lumber room, junk room, cubby, alcove, corner office,
            photo lab, lab, laboratory, play area, play corner, trophy room, cigar room, billiard room, poker room,
            theater room, theatre, screening room, dance room, yoga room, fitness room, weight room, exercise room,
            meditation room, chapel, sun porch@on, solarium, atrium, orangery, winter garden, herb garden,
            vegetable garden, rose garden, garden house, courtyard, side yard, vineyard, gazebo,
            pavilion, cabana, summerhouse, old barn, stable, chicken coop, kennel, dog room, cat room, pet room, hangar,
            boathouse, jetty@on, roof garden, rooftop@on, loggia, portico, stoop@on, front porch@on, walkway@on,
            carriage house, double garage, bike room, parking space, parking lot, machine room, engine room,
            furnace room, plant room, electrical room, meter room, pump room, utility closet, drying room,
            ironing room, fireplace room, flower room, cold room, bakery, penthouse, suite, chamber, boudoir,
            panic room, bunker, vault, tower room, east wing, west wing, crawl space, hayloft, tack room, potting room,
            playground, treehouse, camper, trailer"""),
    "test": words("""
            pantry, sunroom, lounge, toilet, mudroom, media room, backyard, terrace@on, veranda@on,
            conservatory, spare room, front room, reading nook, master bathroom, powder room, art studio,
            corridor, boiler room, deck@on, greenhouse, home cinema, sewing room, tool shed, great room,
            walk-in closet, back porch@on, darkroom, ensuite, server room, box room"""),
}
OWNED_ROOMS: dict[Side, list[str]] = {
    "train": words("bedroom, room, office, bathroom, study"),
    "test": words("bedroom, room, studio, den"),
}
FLOORS: dict[Side, list[str]] = {
    "train": words("""
            first floor@on, second floor@on, ground floor@on, basement, attic, top floor@on, main floor@on,
            upstairs@-, lower floor@on, loft, third floor@on, guest floor@on, middle floor@on, sixth floor@on,
            garret, ninth floor@on, tenth floor@on, eleventh floor@on, twelfth floor@on, thirteenth floor@on,
            fifteenth floor@on, nineteenth floor@on, twentieth floor@on, 1st floor@on, 2nd floor@on, 3rd floor@on,
            lower level@on, ground level@on, main level@on, top level@on, second level@on, attic floor@on,
            roof floor@on, office floor@on, parents floor@on, lower ground floor@on, sub-basement, undercroft"""),
    "test": words("""
            upper floor@on, downstairs@-, cellar, fourth floor@on, bottom floor@on, mezzanine@on,
            garden floor@on, fifth floor@on, entrance floor@on, seventh floor@on, kids floor@on, eighth floor@on"""),
}
ZONES: dict[Side, list[str]] = {
    "train": words("""
            home@-, work@at-, school@at-, gym@at, office@at, garden, park@at, library@at, supermarket@at,
            mall@at, cabin@at, church@at, daycare@at, train station@at, beach@at, soccer field@at, clinic@at,
            university@at"""),
    "test": words("""
            warehouse@at, college@at-, airport@at, stadium@at, pool@at, hospital@at, farm@at, cottage@at,
            studio@at, tennis club@at, kindergarten@at, yacht club@at"""),
}
CITIES: dict[Side, list[str]] = {
    "train": words("""
            Paris, London, New York, Berlin, Tokyo, Chicago, Madrid, Rome, Sydney, Toronto, Dublin, Vienna,
            Boston, Seattle, Amsterdam, Lisbon, Prague, Oslo, Denver, Austin, Munich, Cape Town, Mumbai,
            Hong Kong, San Diego, Athens, Warsaw, Edinburgh, Miami, Phoenix, Nairobi, Cairo, Zurich, Brussels,
            Manchester, Atlanta, Portland, Salt Lake City"""),
    "test": words("""
            Barcelona, Stockholm, Helsinki, Melbourne, San Francisco, Los Angeles, Copenhagen, Budapest,
            Vancouver, Singapore, Istanbul, Lyon, Hamburg, New Orleans, Santiago, Glasgow, Krakow, Las Vegas,
            Auckland, Buenos Aires"""),
}
