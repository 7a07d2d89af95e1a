-- The version clock: how often each table changed. Triggers that are made at every start move it, see src/clock/sqlite/triggers.ts.
-- ':epoch' tells this database from all others; ':tags' counts what was invalidated by name.
CREATE TABLE `larder_clock` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL UNIQUE,
	`ticks` integer NOT NULL
);
--> statement-breakpoint
INSERT INTO `larder_clock` VALUES (0, ':epoch', abs(random() % 9007199254740991)), (1, ':tags', 0);
--> statement-breakpoint
-- When rows changed, by the count of their table. Rows share slots, 65,536 for a table, so that this stays small: the id
-- is that of the table in larder_clock, times 65,536, and the lowest bits of the row's number.
CREATE TABLE `larder_slots` (
	`id` integer PRIMARY KEY NOT NULL,
	`ticks` integer NOT NULL
);
