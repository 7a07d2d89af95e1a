-- The version clock: how often each table changed. Triggers that are made at every start move it, see src/db/triggers.ts.
-- ':epoch' tells this database from all others; ':tags' counts what was invalidated by name.
CREATE TABLE `larder_clock` (
	`name` text PRIMARY KEY NOT NULL,
	`ticks` integer NOT NULL
) WITHOUT ROWID;
--> statement-breakpoint
INSERT INTO `larder_clock` VALUES (':epoch', abs(random() % 9007199254740991)), (':tags', 0);
--> statement-breakpoint
-- When rows changed, on the clock of their table. Rows share slots, so that this stays small.
CREATE TABLE `larder_slots` (
	`name` text NOT NULL,
	`slot` integer NOT NULL,
	`ticks` integer NOT NULL,
	PRIMARY KEY(`name`, `slot`)
) WITHOUT ROWID;
