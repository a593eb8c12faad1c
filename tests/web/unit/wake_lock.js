import { ScreenLock } from "/web/app/wake_lock.js";
import { equal } from "./check.js";

export async function test_a_lock_that_is_released_late_does_not_hide_the_next() {
  const locks = [];
  const request = async () => {
    const lock = Object.assign(new EventTarget(), { isHeld: true });
    lock.release = async () => {
      lock.isHeld = false;
      setTimeout(() => lock.dispatchEvent(new Event("release")));
    };
    locks.push(lock);
    return lock;
  };
  Object.defineProperty(navigator, "wakeLock", { value: { request }, configurable: true });
  const screenLock = new ScreenLock();
  for (const isOn of [true, false, true]) screenLock.keepOn(isOn);
  await new Promise((resolve) => setTimeout(resolve, 20));
  screenLock.keepOn(true);
  await screenLock.keepOn(false);
  equal(locks.map(({ isHeld }) => isHeld), [false, false]);
}
