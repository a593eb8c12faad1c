/** Keeps the screen on while recording: a phone that locks its screen stops the microphone. */

export class ScreenLock {
  /** @type {Promise<WakeLockSentinel | null> | null} */
  #lock = null;

  /** @param {boolean} isOn */
  async keepOn(isOn) {
    if (isOn) {
      this.#lock ??= this.#requested();
    } else {
      const lock = this.#lock;
      this.#lock = null;
      await (await lock)?.release();
    }
  }

  #requested() {
    const requested = this.#request(() => {
      if (this.#lock === requested) this.#lock = null; // by the browser, when the page is hidden
    });
    return requested;
  }

  /** @param {() => void} onRelease */
  async #request(onRelease) {
    try {
      const lock = await navigator.wakeLock.request("screen");
      lock.addEventListener("release", onRelease);
      return lock;
    } catch {
      return null; // not supported, a hidden page, or a low battery
    }
  }
}
