/**
 * Whether what was had `at` is younger than `time`, at `now`; all in milliseconds. Where the clock was set back nobody knows how old it is: it
 * is old, or what was true then would be believed until the clock has caught up.
 */
export const younger = (at: number, now: number, time: number): boolean => now >= at && now - at < time;
