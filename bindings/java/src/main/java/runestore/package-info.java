/**
 * An event store that a program embeds, as it would embed SQLite: {@link runestore.Store}.
 *
 * <p>Events go in as atomic batches and come back filtered by type, domain, instance, tags and time, in one gapless order.
 * {@code docs/EVENTS.md} of Runestore's repository has the rules for events, queries and options, which are the same in every
 * language.
 *
 * <p>No parameter of this package may be null unless it says so: that is a {@link NullPointerException}.
 */
package runestore;
