"""Wordings of the class "no function applies", for training and for the tests.

Four kinds: talk, questions about the world, requests to other kinds of assistant, and near misses,
which use the words of a smart home without asking for anything a function does. The two sides share
neither templates nor the words that fill them. `{topic}` etc. are filled from FILLERS.
"""

from __future__ import annotations

from train.data.smart_home.near_misses import near_misses
from train.data.smart_home.sides import Side, words

FILLERS: dict[str, dict[Side, list[str]]] = {
    "person": {
        "train": words("""
            my mother, my brother, John, Sarah, my boss, Peter, my best friend, Doctor Miller, the landlord,
            Anna, my wife, Tom"""),
        "test": words("""
            my father, my sister, Michael, Julia, my manager, Sandra, my roommate, Mrs Baker, the plumber,
            Kevin, my husband"""),
    },
    "country": {
        "train": words("""
            France, Brazil, Japan, Canada, Egypt, Norway, Mexico, India, Spain, Kenya, Poland, Australia, Peru,
            Greece"""),
        "test": words("""
            Germany, Argentina, Vietnam, Iceland, Morocco, Sweden, Chile, Nepal, Portugal, Ghana, Hungary,
            New Zealand"""),
    },
    "topic": {
        "train": words("""
            black holes, photosynthesis, the French revolution, inflation, volcanoes, DNA, democracy,
            the moon landing, magnets, vaccines, dinosaurs, rainbows, the stock market, gravity, earthquakes,
            jazz, chess, the Roman empire, tides, cryptocurrency"""),
        "test": words("""
            neutron stars, evolution, the cold war, interest rates, glaciers, proteins, philosophy,
            the space station, lasers, antibiotics, whales, northern lights, taxation, relativity, hurricanes,
            opera, poker, the Ottoman empire, batteries"""),
    },
    "animal": {
        "train": words("""
            elephant, cat, blue whale, horse, penguin, giraffe, goldfish, tiger, owl, rabbit, dolphin, wolf"""),
        "test": words("""
            rhino, dog, great white shark, camel, ostrich, zebra, parrot, cheetah, bat, hamster, octopus, fox"""),
    },
    "dish": {
        "train": words("""
            lasagna, pancakes, chicken soup, banana bread, risotto, tacos, pad thai, beef stew, pizza dough,
            sushi"""),
        "test": words("""
            moussaka, waffles, lentil curry, apple pie, paella, burritos, ramen, roast lamb, focaccia, falafel"""),
    },
    "food": {
        "train": words("a pizza, some sushi, a burger, Thai food, a salad, fried chicken, tacos, noodles"),
        "test": words("""
            a kebab, some dumplings, a sandwich, Indian food, a poke bowl, fish and chips, burritos, ramen"""),
    },
    "place": {
        "train": words("""
            the airport, Central Park, the train station, the nearest pharmacy, downtown, the city hall,
            the museum, my hotel"""),
        "test": words("""
            the harbor, the zoo, the bus terminal, the closest gas station, the old town, the courthouse,
            the stadium, my dentist"""),
    },
    "language": {
        "train": words("Spanish, French, Japanese, Italian, Russian, Korean, Greek"),
        "test": words("German, Portuguese, Chinese, Dutch, Arabic, Swedish, Turkish"),
    },
    "phrase": {
        "train": words("""
            good morning, thank you, where is the bathroom, see you tomorrow, I love you, happy birthday,
            how much is it"""),
        "test": words("""
            good night, excuse me, I am lost, nice to meet you, cheers, congratulations, the bill please"""),
    },
    "number": {
        "train": words("12, 17, 144, 250, 36, 81, 1024, 19, 45, 72"),
        "test": words("13, 23, 169, 375, 49, 64, 2048, 29, 55, 96"),
    },
    "hour": {
        "train": words("6 am, 7 am, 8 tomorrow, half past six, noon, 7 30, 5 in the morning, 9 on Saturday"),
        "test": words("""
            6 45, 10 am, 9 tomorrow, quarter to eight, midnight, 8 15, 4 in the afternoon, 11 on Sunday"""),
    },
    "event": {
        "train": words("""
            a meeting, a dentist appointment, lunch with Anna, a yoga class, a haircut, a team call, a date"""),
        "test": words("""
            an interview, a doctor's visit, dinner with Kevin, a piano lesson, a massage, a board meeting,
            a picnic"""),
    },
    "day": {
        "train": words("tomorrow, Monday, Friday, next Tuesday, the 5th of May, this weekend"),
        "test": words("Thursday, Sunday, next Wednesday, the 12th of June, next month, the day after tomorrow"),
    },
    "device": {
        "train": words("""
            lamp, thermostat, speaker, fan, television, vacuum, light bulb, lock, heater, garage door,
            lawn mower, kettle"""),
        "test": words("""
            chandelier, radiator, soundbar, air purifier, projector, robot mop, LED strip, deadbolt,
            humidifier, awning, doorbell"""),
    },
    "room": {
        "train": words("""
            kitchen, bedroom, living room, bathroom, office, hallway, garage, nursery, basement, dining room"""),
        "test": words("""
            pantry, sunroom, lounge, mudroom, terrace, conservatory, attic, spare room, corridor, cellar"""),
    },
    "colour": {
        "train": words("red, blue, green, white, purple"),
        "test": words("orange, pink, turquoise, yellow, brown"),
    },
    "team": {
        "train": words("the Lakers, Real Madrid, the Yankees, Liverpool, the Patriots, Bayern Munich"),
        "test": words("the Celtics, Barcelona, the Red Sox, Arsenal, the Packers, Juventus"),
    },
    "company": {
        "train": words("Apple, Tesla, Microsoft, Netflix, Nestle"),
        "test": words("Google, Toyota, Intel, Disney, Nike"),
    },
    "mood": {
        "train": words("tired, happy, bored, hungry, sad, cold, excited"),
        "test": words("sleepy, lonely, stressed, thirsty, grumpy, nervous"),
    },
    "thing": {
        "train": words("""
            shoes, a laptop, headphones, a birthday present, a winter jacket, books, a bicycle, a phone case"""),
        "test": words("sandals, a tablet, a camera, a wedding gift, a raincoat, comics, a scooter, a backpack"),
    },
}

# Wordings are parted by |.
_TRAIN = """
hello|hi there|good morning to you|how are you today|how are you doing|what's your name|who made you|are you a robot
are you listening to me|do you like music|can you hear me|thank you very much|thanks a lot|you are very helpful
that was funny|I love you|you are so smart|I'm back|good night, sleep well|see you later|what can you do
do you ever sleep|where do you live|how old are you|what's your favorite color|tell me about yourself
nice to meet you|I'm {mood}|I feel {mood} today|why am I always so {mood}|I had a long day|my day was great
I don't know what to do today|what do you think about {topic}|do you believe in ghosts|you're wrong about that
that's not what I said|are you smarter than me|do you have feelings|I'm talking to {person}|{person} says hello
I miss {person}|guess what happened today|who is your best friend|let's talk about {topic}|I'm so {mood} right now
sorry, I was talking to {person}|wow, that's amazing|just kidding|no, I meant something else|maybe later
I changed my mind about {country}|did you miss me|am I your favorite|you are my best friend|tell me a joke
tell me a story about a {animal}|sing me a song|tell me something interesting|make me laugh|tell me a riddle
say something funny about a {animal}|tell me a fun fact about {country}|do you know any jokes about a {animal}
flip a coin|roll a dice|what's the capital of {country}|how many people live in {country}
what language do they speak in {country}|who is the president of {country}|what is the currency of {country}
how big is {country}|where is {country}|what's the flag of {country}|is {country} an island|what is {topic}
explain {topic} to me|how does {topic} work|who discovered {topic}|tell me about {topic}
what do you know about {topic}|why is {topic} important|give me three facts about {topic}
what are the basics of {topic}|is there a good book about {topic}|how long does a {animal} live
how fast can a {animal} run|what does a {animal} eat|is a {animal} a mammal|how much does a {animal} weigh
where does a {animal} sleep|how do you spell {animal}|what sound does a {animal} make|can a {animal} swim
why is the sky blue|how far away is the moon|how tall is Mount Everest|who wrote Romeo and Juliet
who painted the Mona Lisa|when did world war two end|what's the speed of light|how many planets are there
what is the largest ocean|who invented the telephone|how many calories are in {food}|how do I cook {dish}
give me a recipe for {dish}|what goes well with {dish}|how long does {dish} take|is {dish} healthy
what's the square root of {number}|what is {number} plus {number}|what is {number} times {number}
divide {number} by {number}|is {number} a prime number|convert {number} miles to kilometers
how many ounces are in {number} grams|how much is {number} dollars in euros|what's {number} percent of {number}
pick a number between 1 and {number}|how do you say {phrase} in {language}|translate {phrase} to {language}
how do I pronounce {phrase} in {language}|speak {language} with me|what does {phrase} mean in {language}
teach me some {language}|call {person}|text {person} that I'm running late|send an email to {person}
read my messages|do I have any new emails|video call {person}|reply to {person}|forward this to {person}
what did {person} write|leave a voicemail for {person}|facetime {person}|tell {person} I said {phrase}
post this on Instagram|check my voicemail|block this number|who called me this morning|navigate to {place}
how do I get to {place}|how long does it take to {place}|is there traffic on the way to {place}
call me a taxi to {place}|book a taxi to {place}|when is the next bus to {place}|how far is {place}
what time does {place} open|show me {place} on the map|order {food}|I want to order {food}|get me {food} delivered
find a restaurant with {food}|where can I eat {food} near here|book a flight to {country}
find me a hotel in {country}|how much is a ticket to {country}|rent a car in {country}
plan a trip to {country} for {day}|do I need a visa for {country}|set an alarm for {hour}|wake me up at {hour}
cancel my alarm for {hour}|what alarms do I have|snooze the alarm|remind me at {hour} to call {person}
remind me about {event} on {day}|schedule {event} for {day}|put {event} in my calendar|what's on my calendar {day}
move {event} to {day}|cancel {event} on {day}|am I free on {day}|when is my next appointment
invite {person} to {event}|do I have anything planned for {day}|did {team} win last night|when do {team} play next
what's the score of the {team} game|who is the coach of {team}|what's the stock price of {company}
how is {company} doing|who founded {company}|when was {company} founded|sell my {company} shares|buy {thing} online
order {thing} from Amazon|where can I buy {thing}|how much do {thing} cost|track my package|find cheap {thing}
write a poem about {topic}|write an essay about {topic}|summarize this article about {topic}
help me with my homework on {topic}|write a cover letter for {company}|fix the bug in my code
draw a picture of a {animal}|generate an image of a {animal}|take a photo|record a voice memo|take a screenshot
open the camera app|open my email|download the latest update|install the {company} app|what's my bank balance
transfer money to {person}|pay my phone bill|how much did I spend on {thing}|what's my heart rate|log my workout
how many steps did I walk|start a meditation|who sings this song|what song is this|read me a bedtime story
read the news headlines|what's in the news|what are the top stories about {country}|give me the news about {company}
how do I replace a {device}|which {device} should I buy|how much does a {device} cost|who invented the {device}
my {device} is broken|I bought a new {device} yesterday|the {device} in the {room} looks great
is a {device} expensive to run|how does a {device} work|can you recommend a good {device}
{person} gave me a {device}|order a new {device}|what's the best {device} of this year
I need to clean the {device} someday|the {device} manual is in the drawer|how long does a {device} last
I hate this {device}|what should I hang in the {room}|I'm painting the {room} {colour}|we should renovate the {room}
the {room} is a mess|{person} is cooking in the {room}|how do I get a {colour} stain out of the carpet
does {colour} go with {colour}|design a new {room} for me|how big should a {room} be|I was in the {room} all day
what color should I paint the {room}|we had dinner in the {room}|measure the {room} for me|sell my old {device}
is my {device} still under warranty|draw a floor plan of the {room}|find a video about fixing a {device}
how do I descale a {device}|why does my {device} smell|how much power does a {device} use
should I repair or replace my {device}|print the document|scan this page|connect to the wifi
what's the wifi password|charge my phone|find my keys|how much battery does my watch have|take a note
start a podcast recording|what's my horoscope|when is the next full moon|when is Easter this year
how many days until Christmas|how old is {person}|what's the birthday of {person}|how do I look today
should I wear a coat|what should I wear to {event}|how did the dinosaurs die|who won the world cup
what is the meaning of life|how do airplanes fly|why do cats purr|what is love|lights are expensive these days
the music was too loud last night|the fan club meets on {day}|turning thirty is no fun|I left my timer at school
the doors were my favorite band|my favorite scene is the last one|she is the light of my life|open your mind
set a good example|play fair|stop being silly|never let me down|turn the other cheek|change is hard
clean code matters|don't turn anything on|I already closed the windows|who left the lights on yesterday
the garage smells like gasoline|were the lights on last night|how many windows does the White House have
why do people lock their doors|what was the temperature last year
turn left at the next light|turn the page|turn my essay into bullet points|turn around slowly
turn {number} into a fraction
turn this text into a poem|switch to {language}|should I switch to {company}|switch my flight to {day}
switch banks for me
open a bank account|open the attachment from {person}|open a new tab|open the file about {topic}
open the {company} website|are the shops open on {day}|is the library open today|is {place} open on {day}
is {place} open today|will {place} be closed on {day}|is the bakery on the corner closed
are the schools closed on {day}
when does {company} open|is the post office closed already|close my account|close the deal with {company}
close all browser tabs|how close is {country}|lock my credit card|lock my phone screen|start a new document
start a chat with {person}|start learning {language} with me|stop my subscription|stop following {person}
stop sharing my location|set up a call with {person}|set my status to busy|set my profile picture|set a goal for {day}
set a budget for {thing}|set the record straight|add {number} to {number}|add {person} as a friend
add a comment to my post
add {thing} to my cart|add a column to the table|add {person} to the group chat|add my signature to the letter
add two hundred and {number}|sum {number} and {number}|create an event for {event} on {day}|enter {event} in my diary
pencil in {event} for {day}|book {event} for {day}|make an appointment with {person}|change my alarm to {hour}
delete my last message|delete the photo from {day}|remove {person} from my contacts|delete my browser history
erase this recording|take {number} away from {number}|return {thing} to Amazon|return to the previous page
return my library books|return the {device} to the seller|send the {device} back to {company}
bring the {device} back to where I bought it|when do I have to give {thing} back|where was {person} born
where does {team} play|where is {company} located|where can I park near {place}|where did the Titanic sink
where is Mount Fuji|where is the headquarters of {company}|where does {topic} come from|where do they speak {language}
is {company} still in business|is milk good for a {animal}|are there flights to {country}|are there jobs at {company}
which ocean borders {country}|which country is next to {country}|which planet is the hottest
which {company} product is best|which is bigger, {country} or {country}|which year was {company} founded
how hot is lava|how cold is space|how warm is the ocean near {country}|how hot does an oven get
how cold is it on the moon
how warm does a {animal} like it|what's the temperature on Mars|at what temperature does water boil
what's the boiling point of water|what is the melting point of gold|at what temperature should I bake {dish}
how hot should my coffee be|how bright is the sun|how bright is the moon tonight|how loud is a {animal}|play dead
play hide and seek with me|play chess with me|how do I play backgammon|who plays the main role in the new film
play a trick on {person}|play along|increase my credit limit|increase the font size|raise a question about {topic}
raise my salary|lower my taxes|reduce the size of this image|reduce my debt|drop a pin at {place}|boost my post
clean up this text|clean my inbox|run a marathon with me|run the numbers on {company}|run a search for {topic}
write a press release for {company}|push the meeting with {person} to {day}|push {event} back to {day}
mute the group chat with {person}|unmute my microphone|pause my gym membership|resume my subscription to {company}
skip the small talk|pause my ad campaign|cancel my order of {thing}|cancel my {company} subscription
cancel my reservation for {day}|abort the mission|change my email password|reset my phone|update my password
change my last name|restart my laptop|what's my email password|ring {person}|give {person} a ring|call {person} back
hang up|put me through to {person}|get {person} on the line|skype {person}|check my blood pressure|check my spelling
check the stock of {company}|check in for my flight|check the exchange rate|get me a loan|get a refund for {thing}
what's the state of the economy in {country}|what's the status of my order|what is the status of flight {number}
what's the level of inflation in {country}|what's my blood sugar level|how many lights are on a Christmas tree
the light in this photo is great|my heart is an open book|the curtain falls at the end of the play
he is a big fan of {team}|are you a fan of {team}|fans of {team} are loud|the blinds in the shop were too expensive
lamps like this one are rare|locks of hair|he opened the window yesterday|she turned the radio off an hour ago
I was going to turn the lights off|never turn the heating off in winter|somebody has closed the curtains
who locked the door|did you leave the {device} on last night|was the {device} on yesterday
the scene at the airport was chaos|that script is badly written|timers are useful|music is my life
set sail for {country}|set the alarm off by accident|lower your voice|raise the stakes|open the debate on {topic}
close one eye|shut your mouth|lock eyes with me|start from the beginning|stop it|stop worrying about {topic}
cover for me at work|shade is nice in summer|dim sum for two please|brighten my day|warm up {dish} for me
heat up the oven to bake {dish}|cool story|I am a big {device} collector|is the {device} in stock
how do I connect a {device} to the wifi|what does the {device} in the shop window cost|compare two {device} models
which {device} uses the least power|the {device} was a gift from {person}|photograph the {device}
paint the {device} {colour}|move the {device} to the {room}|who put the {device} in the {room}
wash the {device} by hand|hide the {device} from {person}|throw the {device} away|name a {animal} that can fly
update the {company} app|remove the {company} app from my phone|log out of {company}|sign me up for {company}
shoot a video of the {room}|photograph the garden|film the {animal}|who is hiring in {country}|get me to {place}
drive me to {place}|which tram stops at {place}|what should I pack for {country}|is there room in my calendar on {day}
where do {team} stand in the league|in which city is {company}|how would you say {phrase} politely|talk to me
is somebody listening|who is in there|I gave my {device} away|my {device} was stolen|I lost the {device}
lease the {room} to {person}|is {place} crowded right now|has {place} closed already|who designed the {device}
when was the {device} first made|how long until Christmas|where did {company} start|which city is {company} from
what on earth is {topic}|who turned {number} today|is {country} on the equator
do {colour} walls make a {room} look smaller
do I know {person}|did {person} call me|is {person} married|is {person} taller than me|how far can a {animal} jump
"""
_TEST = """
hey|good evening my friend|how is it going|what are you called|who created you|are you human
is anybody there inside you|are you awake|do you enjoy movies|do you understand me|thanks so much|much appreciated
you are great at this|that made me smile|you are adorable|I have returned|sweet dreams|catch you later
what are you able to do|do you get tired|where are you from|when were you born|what is your favorite animal
describe yourself|pleased to meet you|I am feeling {mood}|it's normal to be {mood}, right|everybody here is {mood}
today was awful|give me something to do|what is your opinion on {topic}|do you believe in aliens|I disagree with you
you misunderstood me|are you better than Siri|can you feel pain|I'm chatting with {person}|{person} sends greetings
have you met {person}|you won't believe this|do you have friends|I want to discuss {topic}|being {mood} is no fun
excuse me, {person} was talking|oh, how nice|I was only joking|cheer me up|entertain me
tell me a tale about a {animal}|recite a limerick|share a random fact|say a tongue twister|rap about a {animal}
surprise me with something about {country}|do you know a {animal} joke|choose heads or tails
play rock paper scissors with me|which city is the capital of {country}|what's the population of {country}
what do people eat in {country}|who rules {country}|how do people pay in {country}|which continent is {country} on
is {country} bigger than Texas|what is {country} famous for|define {topic}|I'd love to understand {topic}
what causes {topic}|who came up with {topic}|give me a short introduction to {topic}
describe {topic} in one sentence|why should I care about {topic}|what's the history of {topic}|quiz me on {topic}
what's the lifespan of a {animal}|how smart is a {animal}|what do you feed a {animal}
how many teeth does a {animal} have|is a {animal} dangerous|what is a baby {animal} called
could I keep a {animal} as a pet|why do leaves fall|how hot is the sun|how deep is the Mariana trench
who wrote Hamlet|who composed the Ninth Symphony|when did the Berlin wall come down
what's the boiling point of alcohol|how many bones do humans have|which river is the longest
how much protein does {food} have|how can I make {dish}|what are the ingredients of {dish}|which wine fits {dish}
who invented {dish}|what is {number} minus {number}|multiply {number} by {number}|is {number} even or odd
how many feet are {number} meters|what's {number} pounds in kilos|add up {number} and {number}
give me the cube of {number}|what's the {language} word for {phrase}|say {phrase} in {language}
how would a {language} speaker say {phrase}|let's practise {language}|phone {person}
message {person} that dinner is cancelled|write {person} an email|any new messages for me|dial {person}
ask {person} when they arrive|what's the phone number of {person}|share my location with {person}|tweet {phrase}
mark my mails as read|take me to {place}|give me directions to {place}|which train goes to {place}
get me a ride to {place}|is {place} still open|what's the fastest way to {place}|find parking near {place}
how busy is {place} right now|I'd like {food} for dinner, order it|bring me {food}|who delivers {food} around here
reserve a table for two|what's the best place for {food}|find flights to {country}
how expensive is a week in {country}|what's the best season to visit {country}|pack a list for {country}
get me up at {hour}|I need an alarm at {hour}|delete the alarm for {hour}|don't let me oversleep
remind me of {event} at {hour}|add {event} to my calendar for {day}|what am I doing on {day}
postpone {event} to {day}|who is coming to {event}|plan {event} with {person}|is there space in my schedule on {day}
how did {team} do|who do {team} play on {day}|where are {team} in the table|get tickets for {team}
how much is a {company} share|who runs {company}|is {company} hiring|where is {company} based
compare {company} with its competitors|purchase {thing}|I need {thing}, find me a deal|compare prices for {thing}
return {thing} to the store|where is my parcel|compose a haiku about {topic}|proofread my text on {topic}
make a presentation about {topic}|explain my chemistry homework|write a python function|sketch a {animal}
make a logo with a {animal}|take a selfie|start a screen recording|uninstall the {company} app
what's left on my credit card|send {person} twenty dollars|split the bill with {person}|how well did I sleep
count my calories|which artist is this|name that tune|what's happening in {country}|any headlines about {company}
read today's paper to me|how do I repair a {device}|what's a cheap {device}|where was the {device} invented
the {device} makes a strange noise|I sold my {device}|we got a {device} from {person}|is it safe to touch a {device}
write a review of my {device}|the {device} was made in {country}|how heavy is a {device}
return the {device} to the shop for a refund|do you like my {device}|I dreamt about a {device}
which wallpaper suits the {room}|our {room} needs new furniture|{person} is waiting in the {room}
the {room} was painted {colour}|how many people fit in a {room}|I fell asleep in the {room}
what would a decorator do with the {room}|a {colour} sofa would look nice
do {colour} curtains make a {room} look bigger|there is a spider in the {room}|take a picture of the {room}
rent out the {room}|make a copy of this letter|reset my wifi password|where did I leave my wallet
how full is my phone storage|jot this down|what's my star sign|when is the next eclipse|how long until summer
is {person} older than {person}|do I need an umbrella for {event}|who won the last election|how do submarines work
why do dogs bark|what happens after death|is time travel possible|fans went wild at the concert
her speech made the headlines|timing is everything|the window of opportunity is closing|a door opened for me
lock in your answer|play it safe|stop making excuses|switch sides|the movie was the light at the end of the tunnel
raise your hand|don't touch the lights|I have just locked the door myself|who turned the heating up last week
the basement reminds me of school|was the door open yesterday|how many rooms does Buckingham palace have
why do vacuums make noise|did it rain last summer
"""


def wordings(side: Side) -> list[str]:
    """The wordings of one side, in the order of this file."""
    text = _TRAIN if side == "train" else _TEST
    more = near_misses() if side == "train" else []
    return more + [wording.strip() for line in text.splitlines() for wording in line.split("|") if wording.strip()]
