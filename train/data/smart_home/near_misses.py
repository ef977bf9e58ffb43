"""More training wordings of "no function applies": near misses, which share words, names and openings with commands.

A student takes a sentence for a command by its first words ("is …", "where is …", "play …", "add …"), so each opening
of a command comes back here with something that no function does. {gadget}, {place_room} and {storey} are names of the
training side, the same that commands hold.
"""

from __future__ import annotations

from functools import cache
from random import Random

from train.data.smart_home.fresh_words import KINDS
from train.data.smart_home.names import pool
from train.data.smart_home.sides import words

# A slot may have its words in none_wordings.FILLERS instead, or be one of the names below.
FILLERS: dict[str, list[str]] = {
    "act": words("""
        turn on, turn off, switch on, switch off, start, stop, open, close, lock, unlock, mute, pause, dim,
        reset, unplug, raise, lower, press, use, run, touch, activate, deactivate"""),
    "acted": words("""
        turned on, turned off, switched on, switched off, started, stopped, opened, closed, locked, unlocked,
        muted, paused, unplugged, dropped, repaired, borrowed, sold, bought, cleaned, painted, replaced, returned"""),
    "lost": words("""
        passport, umbrella, left shoe, luggage, glasses, homework, sunglasses, scarf, gloves, ticket, ring,
        notebook, earphones, library card, cap, tie, pen, car keys, swimsuit, guitar, receipt, suitcase"""),
    "shop": words("""
        the bookshop, the hair salon, the museum shop, the post office, the town hall, the butcher,
        the corner shop, the swimming hall, the opera house, the city library, the hardware store,
        the flower shop, the car wash, the department store, the ferry terminal, the hotel bar, the ice rink,
        the national park, the vet clinic, the pharmacy on Main Street, the bank, the Chinese restaurant,
        the pizza place, the cinema downtown, the church"""),
    "firm": words("""
        Apple, Tesla, Microsoft, Netflix, Nestle, Samsung, Ikea, Volvo, Siemens, Adidas, Airbus, Boeing, Sony,
        Nokia, Spotify, Uber, Lego, Ford, Honda, Shell, Pepsi, Visa, Lufthansa, Zara, Unilever, Bosch, Canon"""),
    "hot": words("""
        a volcano, a candle flame, the planet Venus, the core of the earth, the surface of Mercury,
        the water in the sea, a cup of tea, a desert at noon, hot sauce, a fever, dry ice, a comet,
        liquid nitrogen, a bolt of lightning, the weather in Spain, the winter in Siberia, an iceberg,
        the sand in Egypt, molten iron, a polar night"""),
    "book": words("""
        War and Peace, Don Quixote, Moby Dick, Faust, the Odyssey, Ulysses, Dracula, Frankenstein, Jane Eyre,
        Dune, the Hobbit, Oliver Twist, the Iliad, Emma, Macbeth, Pinocchio, Peter Pan, Candide, Siddhartha,
        Robinson Crusoe"""),
    "state": words("""
        dirty, broken, dusty, ugly, expensive, too small, very old, brand new, too noisy, heavier than I thought,
        a bargain, full of cobwebs, my favorite, made of plastic, out of fashion, worth a fortune, a mess,
        beautiful"""),
    "game": words("""
        tennis, football, cards, dominoes, darts, badminton, golf, scrabble, catch, volleyball, checkers"""),
    "soothe": words("""
        amuse, inspire, motivate, distract, hug, comfort, forgive, trust, impress, surprise, believe, follow,
        miss, join, excuse, correct, advise, praise, warn, flatter, marry, meet"""),
    "being": words("""
        busy, real, online, happy, there, ready, alive, sure, hungry, married, bored, clever, angry, blind, shy,
        right, serious, lost, lazy, proud, jealous, religious, ticklish"""),
    "doing": words("""
        sleeping, reading, drawing, playing cards, doing homework, hiding, crying, cooking for guests,
        watching the birds, working from here, practising, arguing, dancing, telling a story, packing"""),
    "mishap": words("""
        spilled coffee, lost my ring, hurt my knee, met my wife, broke a vase, wrote my first song, found a coin,
        learned to walk, hid the presents, saw a mouse, heard a noise, took a nap"""),
    "handle": words("""
        polish, photograph, sell, lend, borrow, paint, measure, gift-wrap, ship, donate, recycle, bury, decorate,
        dismantle, take apart, inspect, describe, rate, insure, carry, unpack, dust, hide, steal, mend, rewire, oil,
        glue, label, register, look up, hug, kiss, autograph, weigh, admire, scratch, smash, burn, melt, freeze,
        invent, market, assemble, sand down, upgrade, refund, deliver, pick out, show off, bequeath, haggle over, pawn,
        auction off, trade in, tinker with, disinfect, swap, drill into, screw down, hammer, bolt down, trim, tow,
        relabel, repaint, refinish, restore, appraise, collect, catalog, sniff, taste, stand on, sit on"""),
    "house_work": words("""
        tile, plaster, wallpaper, carpet, furnish, lease, mortgage, put up for sale, rebuild, refurbish, haunt, film,
        map, inherit, move into, move out of, remodel, soundproof, extend, partition, redesign, childproof, fumigate,
        value, rewire, demolish, tear down, flood, photograph, measure, sketch out, repaint, burgle, avoid,
        miss, love, own, guard, search, explore, dream of, wander through, lock myself out of, hide in, nap in"""),
    "paperwork": words("""
        spellcheck, edit, translate, summarize, recite, memorize, annotate, cite, retype, fax, publish, paraphrase,
        outline, format, encrypt, back up, print, sign, notarize, shred, staple, laminate, bind, type up, misquote,
        criticize, grade, plagiarize, illustrate, extend, revise, finish, file, hand in, submit, tear up, frame,
        condense, reword, dictate, caption, index, scan, photocopy, crop, attach, upload, rename"""),
    "writing": words("""
        letter, essay, speech, thesis, article, diary, novel, cover letter, contract, invoice, tax return, blog post,
        screenplay, homework, spreadsheet, slides, application, petition, column, memoir, password list, report"""),
    "treat": words("""
        greet, congratulate, ping, buzz, page, visit, interview, hire, fire, sue, thank, introduce, befriend, unfriend,
        adopt, babysit, tickle, fax, ring up, contact, reach, date, propose to, argue with, gossip about, pick up,
        drop off, fetch, invite, scold, bribe, hypnotize, chase, ignore, outsmart, interrupt, tip, sketch, imitate,
        vote for, look after, wait for, make fun of, run after, break up with, fall in love with, cook for, sing for,
        pray for, lie to, whisper to, google, follow, unfollow, tag, cite, quote, recommend"""),
    "learn": words("""
        explore, debate, investigate, illustrate, elaborate on, clarify, review, outline, interpret, teach me,
        brush up on, dig into, simplify, research, look into, comment on, read up on, lecture on, go over, google,
        joke about, sing about, write about, worry about, complain about, argue about, summarize, recap, unpack,
        introduce me to, fill me in on, enlighten me about, test me on, examine me on, grill me on, train me in"""),
    "behaves": words("""
        smells funny, leaks, squeaks, rattles, hums, vibrates, looks odd, came with a dent, needs a new filter,
        arrived late, wobbles, cost a fortune, makes me nervous, keeps beeping, has a scratch, was on sale, got wet,
        sounds like a cat, looks like a spaceship, weighs a ton, needs new screws, has a sticker on it, scares the dog,
        belongs to the neighbors, matches the sofa, lost its cable, makes funny sounds, is missing a knob, rusted,
        broke again, came in the mail, fits in a suitcase, cracked, exploded, overheats, blinks at night, ticks"""),
    "serves": words("""
        smells of paint, has no windows, gets little sun, could use a rug, flooded twice, has great acoustics,
        needs a coat of paint, used to be a stable, looks empty, was full of guests, has a squeaky floor,
        lacks a sofa, wants new wallpaper, has become a mess, feels haunted, echoes, is up for rent, holds ten people,
        has mice, deserves better furniture, lies behind the stairs, was once a chapel, could do with a table"""),
    "shopped": words("""
        acquire, hunt down, track down, bid on, save up for, compare, pick up, preorder,
        auction, resell, try on, gift, review, recommend, import, stock up on, google"""),
}

# Slots whose words carry the sentence: none of them gives way to a fresh word.
FIXED = frozenset(
    words("""
        act, acted, state, soothe, being, doing, mishap, handle, house_work, paperwork, writing, treat, learn, behaves,
        serves, shopped""")
)

_WORDINGS = """
{handle} the {gadget}|{handle} my {gadget}|{handle} our {gadget}|{handle} that {gadget}|{handle} {person}'s {gadget}
{handle} the {gadget} in the {place_room}|I want to {handle} the {gadget}|{handle} the {gadget} for {person}
help me {handle} the {gadget}|let's {handle} the {gadget}|how can I {handle} the {gadget}|time to {handle} the {gadget}
{house_work} the {place_room}|{house_work} my {place_room}|{house_work} our {place_room}|{house_work} the {storey}
we want to {house_work} the {place_room}|help me {house_work} the {place_room}|let's {house_work} the {storey}
{paperwork} my {writing}|{paperwork} the {writing} on {topic}|{paperwork} my {writing} about {country}
{paperwork} {person}'s {writing}|help me {paperwork} my {writing}|let's {paperwork} the {writing}
I have to {paperwork} the {writing} for {firm}|{paperwork} this|{paperwork} that|{paperwork} it again
{treat} {person}|{treat} {person} for me|{treat} {person} at {place}|{treat} {person} on {day}|{treat} Mr Novak
I want to {treat} {person}|let's {treat} {person}|should I {treat} {person}|how do I {treat} {person}
{learn} {topic}|{learn} {topic} please|{learn} {topic} with me|let's {learn} {topic}|I'd like to {learn} {topic}
I need to {learn} {topic}|help me {learn} {topic}|could we {learn} {topic}|I love to {learn} {topic}
the {gadget} {behaves}|our {gadget} {behaves}|my {gadget} {behaves}|the {gadget} in the {place_room} {behaves}
{person}'s {gadget} {behaves}|why do you think the {gadget} {behaves}|it seems the {gadget} {behaves}
the {place_room} {serves}|our {place_room} {serves}|my {place_room} {serves}|the {storey} {serves}
I think the {place_room} {serves}|{person} says the {place_room} {serves}
{shopped} {thing}|{shopped} a {gadget}|{shopped} some {thing}|{shopped} {thing} for {person}|I want to {shopped} {thing}
{person} says hi|{person} wishes you well|{person} wants to know you|{person} thinks you are {being}
break a leg|hold your horses|spill the beans|call it a day|cut corners|hit the road|bite your tongue|stay tuned
pull yourself together|hang in there|turn a blind eye|put your mind at ease|lower the bar|raise the bar|close ranks
start from scratch|stop beating around the bush|lock horns with {person}|lock the deal with {firm}|light up my life
clear the air|clear your throat|play second fiddle|play the fool|play with fire|pause for effect|pause and think
skip town|skip a beat|add fuel to the fire|add insult to injury|cancel everything we said|cover your tracks
cover up the truth|fan the flames|dock {person}'s pay|mow down the opposition|switch gears|switch careers
switch places with {person}|switch allegiances|lock your gaze on me|lock lips|lock step|lock him up|stop being late
stop lying to {person}|stop pretending|stop complaining|stop kidding me|note the irony|write this up|remember this
put it in writing|type this for me|mark my words|scribble it on a napkin|keep that in mind|take it all in
guess this melody|recognize this tune|identify this painting|what singer was that|which painter made this
who is singing here|what band is that|which actor is he|what film is this quote from
does {shop} still sell {thing}|is {shop} still the best in town|is {shop} still under construction|has {shop} moved
is {person} still at work|is {person} still mad at {person}|is {person} still abroad|are you still mad at me
is {event} still on for {day}|is the meeting with {person} still on|has {event} already started
is {event} yet to come|is {team} still in the race|do they still make {thing}|is it still worth buying {thing}
is {firm} still a startup|is {firm} still run by {person}|is {book} still in print|is {country} still a kingdom
is the road to {place} still closed|is the exhibition at {shop} still on|is the offer of {firm} still on
how crowded is {shop} at {hour}|how full is {shop} on {day}|how long is the line at {place} just now
how quiet is {place} at this hour|how noisy is {place} at {hour}|what is going on at {place} right now
install the {firm} app|download the {firm} app|reinstall my {firm} app|get rid of the {firm} app
move the {firm} app to the first screen|open the {firm} app|close the {firm} app|start the {firm} app
where is {firm} registered|where is {firm} from|where is {firm} traded|where is {person} from|where is {event} held
where is {book} set|where is {language} spoken|where is {dish} from|where is {team} playing on {day}
which hemisphere is {country} in|what time zone is {country} in|which sea is {country} on|which river is {place} on
which side of the ocean is {country} on|which planet is that|which street is {shop} on|which channel is {team} on
sublet the {place_room}|advertise the {place_room}|show the {place_room} to a buyer|share the {place_room} with {person}
empty the {place_room} before the move|insulate the {place_room}|decorate the {place_room} for {event}
I'm curious about {topic}|I wish I knew more about {topic}|I'd like to learn about {topic}|I want to grasp {topic}
help me wrap my head around {topic}|I never got {topic}|I could use a lesson on {topic}|let's study {language}
let's rehearse my speech on {topic}|let's drill {language} verbs|let's learn {language}
let's speak {language} today|let's prepare for my exam on {topic}|let's meet {person} at {place}
pay {person} ten dollars|transfer fifty euros to {person}|wire money to {person}|lend {person} a hundred dollars
send my landlord the rent|send a gift card to {person}|send money to {person}|send {person} my share of the bill
correct my essay on {topic}|edit my letter to {person}|check the grammar of my report on {book}|polish my speech
shorten my article on {topic}|improve my text about {topic}|rewrite my summary of {book}|spell check my letter
take {book} back to the library|bring {thing} back to the shop|exchange {thing} at {shop}|return {book} to {person}
keep me company|calm me down|make my day|make me smile|bore me|wake my sense of wonder|keep me busy|tease me a little
play it cool|play it by ear|play hard to get|play nice|play tricks|play both sides|play favorites|play around
what is the reason|what is the matter|what is the point|what is the plan for {day}|what is the rule|what is the deal
don't {act} the {gadget}|do not {act} the {gadget}|please don't {act} my {gadget}|never {act} the {gadget}
don't {act} the {gadget} in the {place_room}|you should not {act} the {gadget}|nobody should {act} the {gadget}
I didn't ask you to {act} the {gadget}|there's no need to {act} the {gadget}|I would never {act} the {gadget}
stop asking me to {act} the {gadget}|I forgot to {act} the {gadget}|I wanted to {act} the {gadget} yesterday
I have already {acted} the {gadget}|{person} {acted} the {gadget} yesterday|{person} has {acted} the {gadget}
who {acted} the {gadget}|who {acted} the {gadget} in the {place_room}|did {person} say who {acted} the {gadget}
did you see who {acted} the {gadget}|why has {person} {acted} the {gadget}|when was the {gadget} last {acted}
we {acted} the {gadget} last week|I {acted} the {gadget} because I was {mood}|somebody {acted} our {gadget} on purpose
should I {act} the {gadget} at night|should we {act} the {gadget} on vacation|may guests {act} the {gadget}
what happens if I {act} the {gadget}|how do I {act} the {gadget} by hand|is it bad to {act} the {gadget} too often
why would anyone {act} the {gadget}|is it dangerous to {act} the {gadget}|how often should I {act} the {gadget}
do I have to {act} the {gadget} in winter|is my child allowed to {act} the {gadget}|teach my son to {act} the {gadget}
the {gadget} is {state}|our {gadget} is {state}|my {gadget} was {state}|the {gadget} in the {place_room} is {state}
I think the {gadget} looks {state}|the {place_room} is {state}|our {place_room} was {state}|the {storey} is {state}
the {storey} of that hotel was {state}|the new {gadget} in our {place_room} was {state}|that {gadget} is {state}
why is the {gadget} {state}|why is the {place_room} {state}|{person} says the {gadget} is {state}
{person} is {doing} in the {place_room}|the kids are {doing} in the {place_room}|we were {doing} on the {storey}
I was {doing} when the {gadget} broke|{person} likes {doing} in the {place_room}|she was {doing} beside the {gadget}
I {mishap} in the {place_room}|yesterday I {mishap} in the {place_room}|{person} and I {mishap} in the {place_room}
I bought a {gadget} for the {place_room}|there used to be a {gadget} in the {place_room}|I want a bigger {place_room}
we will renovate the {place_room} on {day}|the {place_room} makes me think of {person}
the {place_room} floods in spring|the {storey} belongs to {person}|who lives on the {storey}
we rent the {storey} to {person}|who built the {place_room}|install a {gadget} in the {place_room}
hang a {gadget} on the wall|draw the {place_room}|describe the {place_room}|how big is the {place_room}
how high is the {place_room}|how much would a {gadget} for the {place_room} cost
how do other people use a {place_room}|what is a {place_room} good for|do I need a permit for a {place_room}
which carpet fits the {place_room}|where should I put the {gadget}|what color are the walls of the {place_room}
rename the {gadget}|pair my {gadget} with my phone|update the firmware of the {gadget}|order a new {gadget}
order spare parts for the {gadget}|find the manual of the {gadget}|who made the {gadget}|when did I buy the {gadget}
insure the {gadget}|connect the {gadget} to the {gadget}|how do I fix the {gadget}|how long does a {gadget} last
what's the serial number of the {gadget}|what brand is the {gadget}|where can I buy a {gadget}|is a {gadget} worth it
is there a cheaper {gadget}|how many watts does the {gadget} need|has the {gadget} been recalled
lend the {gadget} to {person}|is the {gadget} covered by insurance|did the {gadget} come with a manual
what does the {gadget} weigh|gift wrap the {gadget}|can the {gadget} be recycled|ask {person} about the {gadget}
the {gadget} fell off the shelf|the {gadget} won an award|turn up at {place} at {hour}|turn to {person} for help
turn the conversation to {topic}|turn down the job at {firm}|turn in my homework on {topic}|turn over a new leaf
turn the music into notes|turn my photo into a painting|switch to the plan of {firm}|switch seats with {person}
switch jobs|switch my account to {firm}|switch off your brain|set up a meeting at {firm}|set me up with {person}
set the date for {event}|set {event} to {hour}|set a record|set a reminder about {event}|set a price for my {gadget}
set the alarm to {hour}|set me free|set an alarm for {hour} on {day}|stop my alarm at {hour}|move my alarm to {hour}
erase the alarm at {hour}|turn off my {hour} alarm|is my alarm on for {day}|how many alarms are set for {day}
change the alarm from {hour} to {hour}|open an account at {firm}|open the letter from {person}
open the calendar on {day}|open a shop in {country}|open the chat with {person}|open a can of worms
open up about your feelings|close my account at {firm}|close the chat with {person}|close the gap|close enough
lock my phone|unlock my phone|unlock the next level|unlock my account at {firm}|start a company|start a fire
start a blog about {topic}|start a course on {topic}|start over|start the meeting with {person}|stop talking
stop the nonsense|stop my order from {firm}|run for president|run five miles with {person}|run me through {topic}
run an errand for {person}|raise money for {topic}|raise my hand in the call|raise {number} to the power of two
lower your expectations|lower the price of {thing}|lower the tone|raise the price of my {gadget}|increase my salary
increase the budget for {event}|decrease the price of {thing}|decrease my speed limit|increase the speed of the video
reduce my sugar intake|add {event} to my diary|add {person} to the call|add a tip for the driver
add a photo of the {place_room} to my post|add a page on {topic}|add {person} to my contacts
add salt to the recipe of {dish}|put {event} into my schedule|put {person} on the phone|put me on hold
put money on {team}|put yourself in my place|remove the background of my photo|remove my name from the petition
delete my account at {firm}|delete the post about {topic}|delete the last picture|clear my browser history
clear my schedule on {day}|complete my sentence|check my mail|check the price of {thing}|check my ticket to {country}
check me in at {place}|cancel my flight to {country}|cancel my account at {firm}|cancel {event}|cancel culture is odd
cancel my dinner with {person}|pause my subscription at {firm}|resume my download|pause my career
continue my lesson in {language}|skip dinner|skip the line at {place}|skip school with {person}|next question
play {game} with {person}|play {game} with me|who plays {game} best|play the lottery for me|play by the rules
play devil's advocate|play along with {person}|play for time|play a part in the school theater
previous jobs of {person}|go back to {country}|go back to sleep|go back to the first page|replay the match of {team}
replay the goal of {team}|mute {person} in the chat|unmute me in the meeting|volume two of {book} is missing
what's the volume of a cube|how loud is {hot}|how much volume does a bottle hold
the volume of sales at {firm} is falling|return the call of {person}|return to {country}|return {thing} to {firm}
return the favor|dock the boat at {place}|press the suit for {event}|press freedom matters in {country}
push my flight to {day}|vacuum the seats of my car|clean the fish for {dish}|clean up my contacts
mow the neighbor's field with a scythe|take a bus to {place}|take a nap|take my pulse|take me through {topic}
take {number} from {number}|get {person} a gift|get a haircut on {day}|get me in touch with {firm}
give me a lift to {place}|give {person} my regards|give me a {language} lesson|give up|give me the news on {firm}
give me a synonym for {mood}|make a reservation for {event}|make a cake for {person}|make up a name
make peace with {person}|make me a {dish} plan for {day}|make a bet on {team}|change my seat to the window
change trains at {place}|change my booking to {day}|change dollars into euros|change the language to {language}
change your mind|adjust my tie|adjust the budget for {event}|illuminate me about {topic}|light a candle for {person}
light a fire under {person}|create a logo for {firm}|create a playlist cover|create a password
create a group chat with {person}|is {shop} open already|is {shop} open late on {day}|is {shop} open in winter
will {shop} be open on {day}|is {shop} closed for good|does {shop} close at {hour}|did {shop} close early
has {shop} opened yet|when will {shop} open|is {shop} busy on {day}|are the banks open on {day}
are dogs allowed in {shop}|is there a line at {shop}|is {shop} on the left or on the right|is {firm} growing
is {firm} losing money|is {firm} on the stock market|is {firm} closed on {day}|is {firm} cheaper than {firm}
where does {firm} have offices|where are the shops of {firm}|where is the next store of {firm}
where have I put my {lost}|has anyone seen my {lost}|I can't find my {lost}|help me look for my {lost}
where did my {lost} go|is my {lost} in the {place_room}|who took my {lost}|did I leave my {lost} at {place}
what's the color of my {lost}|how hot is {hot}|how cold is {hot}|how warm is {hot}|how bright is {hot}
what temperature does {hot} have|is {hot} hot|what's the average temperature of {hot}|how long does {hot} last
how high is the sun at noon|how dark is {hot}|which side of the road do they drive on in {country}
in which part of the world is {country}|is {country} on the coast|which team is on top, {team} or {team}
what's on at the cinema in {country}|what's on sale at {firm}|is {team} on a winning streak|are the {team} fans loud
are there lions in {country}|are there any good books on {topic}|are any trains late on {day}
are all shops closed on {day}|are all {animal} babies born blind|are there fans of {team} here
how many doors does a bus have|how many lamps does a ship need|how many {animal} babies are born at once
how many windows are in a plane|how many rooms has a palace|is {person} angry with {person}|is {person} good at {game}
is {person} on vacation|is {person} on the guest list|is {person} in love|is {person} related to {person}
where was {person} last summer|where did {person} study|who is {person} talking to
who is the tallest person in {country}|who is at the top of the charts|who is on the cover of {book}|who wrote {book}
who is the author of {book}|how long is {book}|what is {book} about|is there a film of {book}|read {book} to me
when was {book} written|how many pages does {book} have|lend me {book}|do you like {book}
what's the last line of {book}|{soothe} me|please {soothe} me|can you {soothe} me|could you {soothe} {person}
would you {soothe} me|did {person} {soothe} you|are you {being}|are you {being} today|why are you so {being}
were you {being} yesterday|is {person} {being}|subtract {number} from {number}|round {number} to the nearest ten
what's the average of {number} and {number}|halve {number}|double {number}|count from {number} to {number}
is {number} divisible by three|count down from {number}|what's half of {number}|I want to get better at {language}
test my {language}|set my keyboard to {language}|is {language} hard to learn|spellcheck my letter to {person}
edit my essay on {topic}|shorten my text about {topic}|improve my report on {topic}|rewrite my paragraph on {topic}
read my speech on {topic} aloud|put my notes on {topic} in order|the fans were singing for {team}
the news about {firm} was bad|his song made it to number one|time is money|time flies|light travels fast
every door has a key|the key is under the mat|the window seat is mine|the show must go on|timers stress me out
a timer is no toy|I love the color of your eyes|blinds are hard to dust|my lamp is older than me
the door bell of {person} is loud|all windows of the church were broken|the thermostat was invented long ago
the temperature of the soup was fine|the music at {event} was lovely|the movie with {person} was boring
her list was endless|the lock of my diary is broken|a fan sent {person} flowers|fans of {book} will be angry
the brightness of {person} impressed all|we talked about {topic} in the {place_room}
{person} called from the {place_room}|remember when I {mishap}|I was {mood} all week|tell {person} that I {mishap}
write {person} that I'm {doing}|ask {person} who {acted} the {gadget}|mail {person} the bill
what would you do on {day}|what do you think of the {gadget}|what's the story behind the {place_room}
what's a good name for a {animal}|what's a good gift for {person}|what's the recipe of {dish}
what's the difference between a {gadget} and a {gadget}|what is the opposite of {mood}|what is the plural of {animal}
what's the state of my application at {firm}|what's the status of the case against {firm}
what is the current president of {firm} called|what's the current price of {thing}|how's the food at {shop}
how is {person} doing|how's life|how is the traffic to {place}|how is {book} selling
"""


def near_misses() -> list[str]:
    """The wordings, in the order of this file."""
    return [wording.strip() for line in _WORDINGS.splitlines() for wording in line.split("|") if wording.strip()]


def name(slot: str, rng: Random) -> str | None:
    """A name of the training side for {gadget}, {place_room} and {storey}; None for any other slot."""
    if slot == "place_room":
        return rng.choice(_articled("area"))
    if slot == "storey":
        return rng.choice(_articled("floor"))
    return rng.choice(_gadgets(rng.choice(KINDS))) if slot == "gadget" else None


@cache
def _articled(kind: str) -> list[str]:
    names = pool("train").areas if kind == "area" else pool("train").floors
    return [entry.text for entry in names.common if entry.article == "the"]


@cache
def _gadgets(domain: str) -> list[str]:
    """One thing each: "the lamps is dirty" nobody says."""
    return [entry.text for entry in pool("train").devices[domain].common if not entry.text.endswith("s")]
