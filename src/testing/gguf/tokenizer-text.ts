/**
 * The text that the fixture tokenizer's merges come from: plain English, a little JSON and Markdown, and a few
 * characters of several bytes. Changing it changes the vocabulary of every fixture.
 */
export const tokenizerText = `The weaver sat at the loom before the sun was over the hill. She had a basket of wool, a cup of water and a long
day in front of her. The threads that run along the loom are called the warp, and the thread that goes over and under
them is called the weft. Between them the shuttle runs from one hand to the other, and every time it has gone through,
the reed beats the new thread against the cloth. Nothing in the work is hard to understand, but all of it has to be done
in the right order, and it has to be done many thousands of times.

"How many threads are there?" the child asked.
"There are four hundred on this loom," said the weaver, "and there were eight hundred on the one that my mother had."
"And what happens when one of them breaks?"
"Then I stop, and I tie it again, and then I go on. When you tie it well, nobody will ever see where it was."

The heddles are what make the weaving possible. Each thread of the warp passes through the eye of a heddle, and the
heddles hang on frames, one in front of the other. When a frame is lifted, all of its threads are lifted with it, and the
others stay where they are. The room that opens between the upper and the lower threads is the shed. The shuttle goes
through the shed, the frame comes down, another frame comes up, and the next row can begin. With two frames there is only
plain cloth; with four or with eight there is no end to the patterns that can be made.

In the evening the child wanted to know whether a machine could do the work. The weaver thought about the question for a
while. "A machine can lift the frames and it can throw the shuttle," she said. "There have been such machines for more
than two hundred years. Some of them read the pattern from cards with holes in them, and people say that the first
computers learned to read from the looms. But someone has to think of the pattern, and someone has to see when it is
wrong." She wrote a list for the next day:

- count the threads again
- wind the blue wool and the grey wool
- take the finished cloth to the café at the end of the street
- ask what the naïve painter would pay for it: 40 € — or 50 €?

The child wrote a list, too, in the way that she had learned at school:

{"name": "blue", "count": 12, "ready": true}
{"name": "grey", "count": 7, "ready": false}
{"name": "white", "count": 30, "ready": true}

On the second day there was rain. The water ran down the windows, the light was grey, and the blue wool looked like the
grey wool. They worked on the plain part of the cloth, where the colour does not change, and they talked about the rivers
and the ships, the markets and the far countries where the wool and the colours had come from. On the third day the sun
was there again. The last row was finished before noon. They cut the threads, they took the cloth from the loom, and they
carried it to the café — and the painter, who was not so naïve as they had thought, paid 45 € for it.
`;
