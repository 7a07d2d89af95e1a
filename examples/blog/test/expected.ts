export const LEGEND = 'N: new  o: computed again, with the same result  .: still cached, and right  S: stale, and wrong'

/** Which pages each statement makes new. */
export const EXPECTED = `
                                 / post1 post2 comm1 comm2 ann bob bake wint view about
insert a post                    N .     .     .     .     N   .   o    o    N    .
insert 1,000 posts               N .     .     .     .     .   N   o    o    N    .
update post 1                    N N     .     .     .     N   .   N    o    N    .
update all posts                 o N     N     .     .     o   o   o    o    o    .
update no post                   . .     .     .     .     .   .   .    .    .    .
update post 1 to what it is      o o     .     .     .     o   .   o    o    o    .
give post 1 to bob               N N     .     .     .     N   N   o    o    o    .
upsert post 1                    N N     .     .     .     N   .   N    o    N    .
replace post 1                   N N     .     N     .     N   .   N    o    N    .
delete post 1, and its comments  N N     .     N     .     N   .   N    o    N    .
delete post 1 alone              N N     .     .     .     N   .   N    o    N    .
update post 1 through a view     N N     .     .     .     N   .   N    o    N    .
insert a comment on post 1       N N     .     N     .     .   .   .    .    N    .
insert comments on both          N N     N     N     N     .   .   .    .    N    .
update a comment of post 1       o N     .     N     .     .   .   .    .    o    .
move a comment to post 2         o N     N     N     N     .   .   .    .    N    .
replace a comment of post 1      o N     .     N     .     .   .   .    .    o    .
delete a comment of post 1       N N     .     N     .     .   .   .    .    N    .
delete all comments              N N     N     N     N     .   .   .    .    N    .
rename ann                       N N     N     .     .     N   .   .    .    .    .
insert an author                 o o     o     .     .     .   .   .    .    .    .
delete bob, and all of his       N N     N     o     N     .   N   o    N    N    .
rename a tag                     N N     o     .     .     .   .   N    .    .    .
upsert a tag by its name         o o     o     .     .     .   .   .    .    .    .
replace a tag by its name        N N     o     .     .     .   .   N    o    .    .
tag post 1                       N N     .     .     .     .   .   o    N    .    .
untag post 1                     N N     .     .     .     .   .   N    o    .    .
count a visit                    . .     .     .     .     .   .   .    .    .    .
roll back                        . .     .     .     .     .   .   .    .    .    .
write in a transaction           N N     N     .     .     N   .   N    N    N    .
add an index                     o o     o     o     o     o   o   o    o    o    .
add a column                     o o     o     o     o     o   o   o    o    o    .
`.slice(1, -1)
