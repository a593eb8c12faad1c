/**
 * Locks of sessions (Web Locks): a session belongs to one tab at a time. In: a session's id. Out: its lock, unless a tab
 * has it. Browsers have none over plain http; there every session counts as free.
 */

/** Timeout of a patient claim: the page before a reload may still hold the lock. */
const CLAIM_MS = 1_000;

/**
 * Take the lock of a session.
 * @param {string} id
 * @param {boolean} isPatient Whether to wait for a page that is being closed.
 * @returns {Promise<(() => void) | null>} Releases it; null if a tab holds it, this one included.
 */
export function claim(id, isPatient = false) {
  if (!navigator.locks) return Promise.resolve(() => {});
  const options = isPatient ? { signal: AbortSignal.timeout(CLAIM_MS) } : { ifAvailable: true };
  return new Promise((resolve) => {
    const held = navigator.locks.request(`voxtide.session.${id}`, options, (lock) => {
      if (!lock) return resolve(null);
      return new Promise((release) => resolve(() => release(undefined)));
    });
    held.catch(() => resolve(null)); // the timeout
  });
}

/**
 * Act on a session that no tab has open, and that none can open until the act has ended.
 * @param {string} id
 * @param {() => Promise<unknown>} act
 * @returns {Promise<boolean>} false if a tab has it open.
 */
export async function whileFree(id, act) {
  const release = await claim(id);
  if (!release) return false;
  try {
    await act();
  } finally {
    release();
  }
  return true;
}
