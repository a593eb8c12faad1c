/** The captions. In: a transcript. Out: paragraphs on the page; each final segment once to screen readers. */

/** @import { Segment, Transcript } from "../text/transcript.js" */

import { isParagraphStart } from "../text/paragraphs.js";
import { patternOf } from "../text/search.js";
import { shortTime } from "../text/writers.js";
import { element } from "./element.js";

/** Distance from the end within which the view keeps scrolling. */
const NEAR_END_PX = 80;

/** Number of lines kept for screen readers. */
const NUM_LOG_LINES = 8;

export class TranscriptView {
  #frame = element("transcript");
  #text = element("text");
  #welcome = element("welcome");
  #log = element("log");
  #followButton = element("follow");
  #epoch = 0;
  #numDrawn = 0;
  #numChars = 0;
  #isFollowing = true;
  /** @type {HTMLElement | null} */ #paragraph = null;
  #open = span("open");
  #interim = span("interim");

  constructor() {
    this.#interim.setAttribute("aria-hidden", "true"); // it would be read out with every change
    this.#frame.addEventListener("scroll", () => this.#noteScroll());
    this.#followButton.addEventListener("click", () => this.follow());
    new ResizeObserver(() => this.#keepUp()).observe(this.#frame); // a rotated phone, a message above the captions
  }

  /** Scroll to the newest words and keep scrolling. */
  follow() {
    this.#isFollowing = true;
    this.#frame.scrollTop = this.#frame.scrollHeight;
    this.#followButton.hidden = true;
  }

  /**
   * Scroll to the first match of a query and select it.
   * @param {string} query
   */
  async find(query) {
    await new Promise((resolve) => requestAnimationFrame(resolve)); // the text is drawn once per frame
    const body = /** @type {HTMLElement[]} */ ([...this.#text.querySelectorAll(".body")]).find(
      ({ textContent }) => patternOf(query)?.test(textContent ?? ""),
    );
    const match = patternOf(query)?.exec(body?.textContent ?? "");
    if (!body || !match) return;
    this.#isFollowing = false;
    const range = rangeOf(body, match.index, match.index + match[0].length);
    document.getSelection()?.removeAllRanges();
    document.getSelection()?.addRange(range);
    range.startContainer.parentElement?.scrollIntoView({ block: "center" });
    this.#noteScroll();
  }

  /** @param {Transcript} transcript */
  draw(transcript) {
    const isReplaced = transcript.epoch !== this.#epoch; // then it is not new to screen readers
    if (isReplaced) this.#reset(transcript.epoch);
    for (const segment of transcript.final.slice(this.#numDrawn)) {
      this.#append(segment, transcript.final);
      if (!isReplaced) this.#addToLog(segment.text);
    }
    this.#drawPending(transcript);
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
    this.#log.replaceChildren();
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
  }

  /** @param {Transcript} transcript */
  #drawPending({ final, pending, interim, hasPending }) {
    if (!hasPending) return this.#removePending();
    const isNew = !this.#open.isConnected; // otherwise it stays in its paragraph
    if (isNew && !this.#isFresh && isParagraphStart(final.at(-1), this.#numChars, pending))
      this.#beginParagraph(pending.startS);
    this.#open.textContent = this.#numChars ? pending.text : pending.text.trimStart();
    this.#interim.textContent = this.#numChars || pending.text ? interim : interim.trimStart();
    if (this.#interim.parentNode !== this.#body) this.#body.append(this.#open, this.#interim);
  }

  #removePending() {
    this.#open.remove();
    this.#interim.remove();
    if (!this.#isFresh) return;
    this.#paragraph?.remove(); // it is empty
    this.#paragraph = /** @type {HTMLElement | null} */ (this.#text.lastElementChild);
    this.#numChars = this.#paragraph ? this.#body.innerText.length : 0;
  }

  /** Whether the last paragraph has no final text. */
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
  #addToLog(text) {
    const line = document.createElement("p");
    line.textContent = text;
    this.#log.append(line);
    while (this.#log.children.length > NUM_LOG_LINES) this.#log.firstElementChild?.remove();
  }

  #noteScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#frame;
    this.#isFollowing = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    this.#followButton.hidden = this.#isFollowing;
  }
}

/**
 * @param {HTMLElement} parent
 * @param {number} start In characters of its text.
 * @param {number} end
 */
function rangeOf(parent, start, end) {
  const range = document.createRange();
  const walker = document.createTreeWalker(parent, NodeFilter.SHOW_TEXT);
  for (let at = 0; walker.nextNode() && at < end; ) {
    const node = /** @type {Text} */ (walker.currentNode);
    if (start >= at && start < at + node.length) range.setStart(node, start - at);
    if (end <= at + node.length) range.setEnd(node, end - at);
    at += node.length;
  }
  return range;
}

/** @param {string} name */
function span(name) {
  const made = document.createElement("span");
  made.className = name;
  return made;
}
