/** Keeps the screen on while recording: a phone that locks its screen stops the microphone. */

export class ScreenLock {
  /** @type {Promise<WakeLockSentinel | null> | null} */
  #lock = null;

  /** @param {boolean} isOn */
  async keepOn(isOn) {
    if (isOn) {
      this.#lock ??= this.#request();
    } else {
      const lock = this.#lock;
      this.#lock = null;
      await (await lock)?.release();
    }
  }

  async #request() {
    try {
      const lock = await navigator.wakeLock.request("screen");
      lock.addEventListener("release", () => (this.#lock = null)); // by the browser, when the page is hidden
      return lock;
    } catch {
      return null; // not supported, a hidden page, or a low battery
    }
  }
}
