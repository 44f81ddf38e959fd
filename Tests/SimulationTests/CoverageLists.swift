/// What the standard run of `CoverageTests` has to reach.
enum CoverageLists {
    /// Machine, and from where to where; as `homeward-sim` prints them: all that two hundred seeds make a dozen
    /// times or more.
    static let transitions = """
        makesec: applying→idle applying→preparing applying→salvaging begin→idle confirming→idle idle→applying
        makesec: idle→preparing idle→salvaging preparing→confirming preparing→idle salvaging→preparing
        migrate: begin→idle draining→preparing handing→idle idle→draining idle→preparing preparing→handing
        promise: begin→none makesec→none migrate→none none→makesec none→migrate none→startrep none→takeover
        promise: startrep→none takeover→none
        removal: begin→none draining→held held→none none→draining none→held
        rlink: attached→detached attached→of_a_secondary attached→starting begin→attached begin→detached
        rlink: begin→of_a_secondary detached→attached detached→of_a_secondary of_a_secondary→attached
        rlink: of_a_secondary→detached paused→starting starting→attached starting→streaming streaming→attached
        rlink: streaming→detached streaming→of_a_secondary streaming→paused
        role: begin→being_synchronized begin→catching_up begin→damaged_primary begin→empty_secondary begin→fenced
        role: begin→inconsistent begin→opening begin→returned begin→secondary being_synchronized→empty_secondary
        role: being_synchronized→inconsistent catching_up→being_synchronized catching_up→failed catching_up→secondary
        role: damaged_secondary→being_synchronized empty_secondary→being_synchronized empty_secondary→catching_up
        role: empty_secondary→failed empty_secondary→secondary fenced→opening fenced→secondary
        role: inconsistent→being_synchronized inconsistent→catching_up open→failed open→fenced open→secondary
        role: opening→open returned→fenced returned→opening secondary→being_synchronized secondary→failed
        role: secondary→opening
        startrep: begin→idle committed→idle idle→preparing idle→quiescing idle→sampling preparing→committed
        startrep: preparing→idle quiescing→sampling sampling→preparing
        stream: begin→none following→none none→following
        syncrvg: begin→marking begin→offered begin→waiting confirming→done ending→confirming marking→recording
        syncrvg: offered→ending offered→failed offered→running offered→waiting recording→offered running→ending
        syncrvg: running→waiting waiting→offered
        takeover: begin→idle idle→opening idle→preparing idle→silence opening→idle preparing→idle preparing→opening
        takeover: silence→opening silence→preparing
        target: attach:_making_durable→idle attach:_sampling→attach:_making_durable begin→idle flushing→idle
        target: flushing→ready flushing→writing_blocks
        target: idle→attach:_sampling idle→flushing idle→reading_its_cursor reading_its_cursor→flushing
        target: ready→writing_blocks writing_blocks→idle
        """

    /// States that two hundred seeds see by chance less than a handful of times, or never: why, and where they were seen.
    static let excused = [
        "stream: waiting for the lanes":
            "a start that comes while a batch is on its way; 4 times in 432 seeds from 98500000",
        "role: stopped": "stop is refused while the application runs; 9 times in those 432 seeds",
        "takeover: making durable": "the log is durable already, as a rule; 2 times in those 432 seeds",
        "target: applying": "a verification that begins behind the log; once in those 432 seeds",
        "target: verifying": "a verification has to begin while nothing is written; 2 times in those 432 seeds",
        "target: writing its log": "the log is written already, as a rule; once in those 432 seeds",
        "target: waiting for blocks to land":
            "a block of an ended session is still on its way; once in those 432 seeds",
        "target: quiescing": "gone through in one step, unless a device works just then; not in those 432 seeds",
        "target: attach: ready": "gone through in one step; seen by nobody from outside",
        "verify: running": "see target: verifying",
        "verify: waiting": "the Secondary is lost between two steps; not in those 432 seeds",
        "verify: done": "only where several are verified at once and one ends first; not in those 432 seeds",
        "verify: failed": "only where several are verified at once and one fails first; not in those 432 seeds",
    ]

    static let counted = [
        "failbacks completed", "opened: takeover", "opened: migrate", "opened: uncleanStart",
        "gave the Primary role up",
        "done: failback-difference", "done: failback-difference-multi", "done: takeover", "done: migrate",
        "done: setup-replication",
        "damage found by recovery", "damage taken from a read that lied", "recovered in spite of a read that lied",
        "recovery stopped by a read that lied",
        "lives with several RVGs", "lives with one RVG", "started with an RVG that could not be opened",
        "a paused host woke as a stale Primary", "a late frame crossed a change of epoch",
        "delsec: done", "addsec: done", "Secondaries removed", "Secondaries made", "set: done", "delpri: link-attached",
        "delpri: not-primary", "delpri: at rest and held",
    ]
}
