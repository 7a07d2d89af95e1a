CREATE TRIGGER `post_stats_title` INSTEAD OF UPDATE OF `title` ON `post_stats` BEGIN
  UPDATE `posts` SET `title` = NEW.`title` WHERE `id` = OLD.`id`;
END;
