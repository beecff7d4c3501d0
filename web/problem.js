/** Something the user can mend: what went wrong, and what to do about it. */
export class Problem extends Error {
  /** @param {string} message @param {string} hint @param {number} [status] the HTTP status, if any */
  constructor(message, hint = "", status = 0) {
    super(message);
    this.hint = hint;
    this.status = status;
  }
}
