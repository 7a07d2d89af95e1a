-- The number of rows of some tables, which triggers maintain, see src/clock/sqlite/row-counts.ts. It is known if 'rows' is
-- not null, and 'schema' is the version of the schema.
CREATE TABLE `larder_rows` (
	`id` integer PRIMARY KEY NOT NULL,
	`name` text NOT NULL UNIQUE,
	`rows` integer,
	`replaced` integer,
	`schema` integer
);
