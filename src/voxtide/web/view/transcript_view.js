/** The captions. In: a transcript. Out: paragraphs on the page, and each new stretch said once to screen readers. */

/** @import { Segment, Transcript } from "../text/transcript.js" */

import { isParagraphStart } from "../text/paragraphs.js";
import { shortTime } from "../text/writers.js";
import { element } from "./element.js";

/** Distance from the end at which the reader still follows. */
const NEAR_END_PX = 80;

/** What a screen reader may still be reading; older lines go. */
const NUM_SPOKEN = 8;

export class TranscriptView {
  #frame = element("transcript");
  #text = element("text");
  #welcome = element("welcome");
  #spoken = element("spoken");
  #followButton = element("follow");
  #epoch = 0;
  #numDrawn = 0;
  #numChars = 0;
  #isFollowing = true;
  /** @type {HTMLElement | null} */ #paragraph = null;
  #open = span("open");
  #interim = span("interim");

  constructor() {
    this.#interim.setAttribute("aria-hidden", "true"); // it would be read again with every change
    this.#frame.addEventListener("scroll", () => this.#noteScroll());
    this.#followButton.addEventListener("click", () => this.follow());
    new ResizeObserver(() => this.#keepUp()).observe(this.#frame); // a turned phone, a message above the captions
  }

  /** Go to the newest words, and stay with them. */
  follow() {
    this.#isFollowing = true;
    this.#frame.scrollTop = this.#frame.scrollHeight;
    this.#followButton.hidden = true;
  }

  /** @param {Transcript} transcript */
  draw(transcript) {
    if (transcript.epoch !== this.#epoch) this.#reset(transcript.epoch);
    for (const segment of transcript.settled.slice(this.#numDrawn)) this.#append(segment, transcript.settled);
    this.#drawTail(transcript);
    this.#welcome.hidden = !transcript.isEmpty;
    this.#keepUp();
  }

  #keepUp() {
    if (this.#isFollowing) this.#frame.scrollTop = this.#frame.scrollHeight;
  }

  /** @param {number} epoch */
  #reset(epoch) {
    this.#epoch = epoch;
    this.#numDrawn = this.#numChars = 0;
    this.#paragraph = null;
    this.#text.replaceChildren();
    this.#spoken.replaceChildren();
    this.follow();
  }

  /**
   * @param {Segment} segment
   * @param {readonly Segment[]} all
   */
  #append(segment, all) {
    if (this.#isFresh) this.#setTime(segment.startS);
    else if (isParagraphStart(all[this.#numDrawn - 1], this.#numChars, segment)) this.#beginParagraph(segment.startS);
    const drawn = span("segment");
    drawn.textContent = this.#numChars && !segment.isGlued ? ` ${segment.text}` : segment.text;
    this.#body.insertBefore(drawn, this.#open.parentNode === this.#body ? this.#open : null);
    this.#numDrawn += 1;
    this.#numChars += segment.text.length;
    this.#speak(segment.text);
  }

  /** @param {Transcript} transcript */
  #drawTail({ settled, tail, interim, hasTail }) {
    if (!hasTail) return this.#removeTail();
    const isNew = !this.#open.isConnected; // it stays in the paragraph it has begun in
    if (isNew && !this.#isFresh && isParagraphStart(settled.at(-1), this.#numChars, tail))
      this.#beginParagraph(tail.startS);
    this.#open.textContent = this.#numChars ? tail.text : tail.text.trimStart();
    this.#interim.textContent = this.#numChars || tail.text ? interim : interim.trimStart();
    if (this.#interim.parentNode !== this.#body) this.#body.append(this.#open, this.#interim);
  }

  #removeTail() {
    this.#open.remove();
    this.#interim.remove();
    if (!this.#isFresh) return;
    this.#paragraph?.remove(); // there was nothing to it
    this.#paragraph = /** @type {HTMLElement | null} */ (this.#text.lastElementChild);
    this.#numChars = this.#paragraph ? this.#body.innerText.length : 0;
  }

  /** Whether the last paragraph holds nothing but the tail. */
  get #isFresh() {
    return this.#paragraph !== null && this.#numChars === 0;
  }

  get #body() {
    return /** @type {HTMLElement} */ (this.#paragraph?.lastElementChild);
  }

  /** @param {number} startS */
  #beginParagraph(startS) {
    this.#numChars = 0;
    this.#paragraph = document.createElement("p");
    this.#paragraph.append(document.createElement("time"), span("body"));
    this.#setTime(startS);
    this.#text.append(this.#paragraph);
  }

  /** @param {number} startS */
  #setTime(startS) {
    const time = /** @type {HTMLTimeElement} */ (this.#paragraph?.firstElementChild);
    time.textContent = shortTime(startS);
    time.dateTime = `PT${Math.floor(startS)}S`;
  }

  /** @param {string} text */
  #speak(text) {
    const line = document.createElement("p");
    line.textContent = text;
    this.#spoken.append(line);
    while (this.#spoken.children.length > NUM_SPOKEN) this.#spoken.firstElementChild?.remove();
  }

  #noteScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#frame;
    this.#isFollowing = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    this.#followButton.hidden = this.#isFollowing;
  }
}

/** @param {string} name */
function span(name) {
  const made = document.createElement("span");
  made.className = name;
  return made;
}
