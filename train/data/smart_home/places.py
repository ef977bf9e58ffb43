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
            boathouse, jetty@on, roof garden, loggia, portico, stoop@on, front porch@on, walkway@on,
            carriage house, double garage, bike room, parking space, parking lot, machine room, engine room,
            furnace room, plant room, electrical room, meter room, pump room, utility closet, drying room,
            ironing room, fireplace room, flower room, cold room, bakery, suite, chamber, boudoir,
            panic room, tower room, east wing, west wing, tack room, potting room,
            playground, treehouse, camper, trailer,

            keeping room, gathering room, gaming room, play den, cinema room, hearth room, garden room, morning room,
            smoking room, anteroom, foreroom, bedsit, bedchamber, sleeping area, dressing area,
            changing room, make-up room, bath house, bathing room, washing room, washhouse, laundry area, linen room,
            shoe room, coat room, boot room, gear room, ski room, surf room, cycle room, key room, safe cabinet room,
            cooking area, baking room, dish room, eating area, eat-in kitchen, dining corner, bistro corner,
            juice corner, bar area, tasting room, card room, puzzle room, lego room, toy room, train room,
            hobby corner, paint room, pottery room, quilting room, knitting corner, weaving room, wood shop, metal shop,
            repair shop, print room, photo room, recording room, piano room, drum room, guitar room, ballroom,
            dance hall, banquet hall, great hall, living hall, stair hall, side hall, gun room, map room,
            reading corner, book room, writing room, drafting room, planning room, team room, board room, quiet room,
            focus room, phone booth, call room, training room, seminar room, lecture hall, teachers room, staff room,
            nurse room, doctors office, treatment room, therapy room, massage room, hammam, spa area, jacuzzi area,
            cooling room, heating room, gas room, oil room, battery room, network closet, wiring closet, control room,
            guard room, gatehouse, lodge, pool house, tea house, smokehouse, icehouse, farmhouse, bunkhouse, birdhouse,
            cow shed, bike shed, wood shed, log shed, garden shed, potting shed, woodshed, coal room, hay barn,
            horse stall, riding hall, dog run, rabbit corner, goat pen, aviary, terrarium room, plant corner,
            palm house, hothouse, orchard corner, berry garden, kitchen garden, rock garden, water garden, moss garden,
            inner yard, back lane, front garden, back garden, side garden, lawn area, barbecue area, fire pit area,
            picnic area, sandpit@on, trampoline area, sports field@on, bowling alley, squash court@on, climbing room,
            boxing room, wrestling room, spinning room, ski cabin, log cabin, beach house, mobile home, caravan, van,
            yurt, tent, granary, mill room, brewery, bottle room, cheese room, fruit room, fish room, game larder,
            ash room, dust room, rubbish room, recycling corner, mail corner, parcel room, cargo bay, loading bay,
            service room, cleaning closet, airing cupboard, cubbyhole, niche, hideout, hideaway, retreat, lair,
            man cave, crafts corner, kids corner, baby corner, nap room, rest room, day room, night nursery, sickroom,
            twins room, au pair room, nanny room, servants hall, maids room, butlers room, in-law suite, bridal suite,
            honeymoon suite, basement flat, garden flat, skyway@on,
            breezeway, covered walk, cloister, colonnade, porte cochere, turning circle@on, ramp@on"""),
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
            roof floor@on, office floor@on, parents floor@on, lower ground floor@on, sub-basement, undercroft,

            fourteenth floor@on, sixteenth floor@on, seventeenth floor@on, eighteenth floor@on, twenty first floor@on,
            thirtieth floor@on, 6th floor@on, 9th floor@on, 10th floor@on, 12th floor@on, highest floor@on,
            lowest floor@on, living floor@on, sleeping floor@on, family floor@on, staff floor@on, service floor@on,
            gallery floor@on, first level@on, third level@on, lowest level@on, middle level@on, street level@on,
            basement level@on, parking level@on, guest level@on, sleeping level@on, first storey@on, second storey@on,
            third storey@on, ground storey@on, top storey@on, lower storey@on, middle storey@on, attic storey@on,
            half storey@on, split level@on, intermediate floor@on, half landing@on, gallery@on, entresol@on,
            bel etage@on, piano nobile@on, penthouse, hayloft, cockloft, rooftop@on, belfry, bunker, vault, crypt,
            crawl space, dungeon, catacomb, souterrain, sublevel@on, subfloor@on, underground level@on, underfloor,
            belowground@-, belowstairs@-, backstairs@-, midstairs@-, topside@-, aloft@-"""),
    "test": words("""
            upper floor@on, downstairs@-, cellar, fourth floor@on, bottom floor@on, mezzanine@on,
            garden floor@on, fifth floor@on, entrance floor@on, seventh floor@on, kids floor@on, eighth floor@on"""),
}
ZONES: dict[Side, list[str]] = {
    "train": words("""
            home@-, work@at-, school@at-, gym@at, office@at, garden, park@at, library@at, supermarket@at,
            mall@at, cabin@at, church@at, daycare@at, train station@at, beach@at, soccer field@at, clinic@at,
            university@at, office park@at, golf club@at, rugby club@at, boat club@at, swim club@at,
            sports club@at, riding club@at, marina@at, harbor office@at, beach bar@at, playground@at, ball park@at,
            bank@at, bakery@at, market@at, museum@at, theater@at, cinema@at, hotel@at, salon@at, barber shop@at,
            dentist@at, doctor@at, pharmacy@at, police station@at, fire station@at, bus station@at, bus stop@at,
            gas station@at, port@at, ferry@at, factory@at, mill@at, construction site@at, lab@at, depot@at, ranch@at,
            vineyard@at, orchard@at, stable@at, lake house@at, beach house@at, mountain hut@at, campsite@at,
            summer house@at, holiday home@at, vet@at, nursing home@at, music school@at, dance school@at,
            primary school@at, high school@at, preschool@at, campus@at, academy@at, lecture hall@at, arena@at,
            ice rink@at, skate park@at, zoo@at, temple@at, mosque@at, synagogue@at, town hall@at, allotment@at"""),
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
