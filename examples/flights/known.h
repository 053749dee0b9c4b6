/*
 * The right answers, counted from the table of flights itself. It cannot change: fetch.py checks its SHA-256.
 *
 * flights.c includes this file and flights.py reads it: one line for each name and its number or string.
 */
#ifndef FLIGHTS_KNOWN_H
#define FLIGHTS_KNOWN_H

#define AIRCRAFT "N725MQ"
#define AIRCRAFT_EVENTS 1121
#define AIRCRAFT_CANCELLED 29
#define AIRCRAFT_ARRIVED 546
#define AIRCRAFT_AIR_MINUTES 48921
#define FRIDAY_DEPARTED 461
#define FRIDAY_CANCELLED 472
#define SATURDAY_DEPARTED 291
#define SATURDAY_CANCELLED 393
#define JFK_SFO_DEPARTED 7

#endif
