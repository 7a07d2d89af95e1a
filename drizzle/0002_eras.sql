-- The history of this file in parts. An era begins whenever a process opens the file, or notices that changes were
-- undone. The counter ':era' identifies the present one. Of those that ended, larder_eras has the counters at their end.
CREATE TABLE `larder_eras` (
	`id` integer PRIMARY KEY NOT NULL,
	`nonce` integer NOT NULL UNIQUE,
	`counters` text NOT NULL
);
--> statement-breakpoint
INSERT INTO `larder_clock` (`name`, `ticks`) VALUES (':era', abs(random() % 9007199254740991));
