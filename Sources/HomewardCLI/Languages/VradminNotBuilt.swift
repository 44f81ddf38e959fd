extension VVRLanguage {
    /// Verbs of `vradmin` that this release refuses, with what does the job today.
    static let vradminNotBuilt: [Verb] = [
        .notBuilt(
            "fbsync",
            "[-g dg] [-wait] fbsync rvg [cache=obj | cachesize=size]",
            help: "Copies to an old Primary what changed since a takeover with fast failback.",
            hint:
                "on the old Primary: vradmin -g DG makesec RVG NEWPRIMARY; then vradmin -g DG -c NAME syncrvg RVG OLDPRIMARY; then vradmin -g DG -c NAME startrep RVG OLDPRIMARY"
        ),
        .notBuilt(
            "resync",
            "[-g dg] [-wait] resync rvg [cache=obj | cachesize=size]",
            help: "Copies to Secondaries what the DCM has noted since the log ran over.",
            hint: "vradmin -g DG -c NAME syncrvg RVG SECONDARY, then vradmin -g DG -c NAME startrep RVG SECONDARY"
        ),
        .notBuilt(
            "addvol",
            "[-g dg] [-nodcm] [-s] addvol rvg volume",
            help: "Adds a volume to the RVG on all hosts.",
            hint:
                "stop replication, delete the RDS (vradmin help delsec; vradmin help delpri), and create it again with all volumes"
        ),
        .notBuilt(
            "delvol",
            "[-g dg] [-f] delvol rvg volume",
            help: "Takes a volume out of the RVG on all hosts.",
            hint:
                "stop replication, delete the RDS (vradmin help delsec; vradmin help delpri), and create it again without the volume"
        ),
        .notBuilt(
            "resizevol",
            "[-g dg] [-f] resizevol rvg volume length",
            help: "Changes the length of a volume on all hosts.",
            hint:
                "delete the RDS (vradmin help delsec; vradmin help delpri), resize the files or devices, and create it again"
        ),
        .notBuilt(
            "resizesrl",
            "[-g dg] [-f] resizesrl rvg length",
            help: "Changes the length of the log on all hosts.",
            hint:
                "delete the RDS (vradmin help delsec; vradmin help delpri), make a larger log volume, and create it again"
        ),
        .notBuilt(
            "changeip",
            "[-g dg] changeip rvg [sechost] [attribute...]",
            help: "Changes the addresses that RLINKs use.",
            hint: "change `peers` in host.lua of each host and restart its daemon; RLINKs go by the names of hosts"
        ),
        .notBuilt(
            "ibc",
            "[-g dg] [-all] ibc rvg taskname [sechost]...",
            help: "Runs a task on a Secondary frozen at one point.",
            hint: "to hold a consistent Secondary still while the task runs: vradmin -g DG pauserep RVG SECONDARY"
        ),
        .notBuilt(
            "verifydata",
            "[-g dg] [-k {snap|cache}] verifydata rvg sechost {cache=obj | cachesize=size}",
            help: "Compares snapshots of both sides while replication goes on.",
            hint: "vradmin -g DG -verify syncrvg RVG SECONDARY, with replication paused or stopped"
        ),
        .notBuilt(
            "syncvol",
            "[-g dg] [-full] [-s] syncvol volumelist host[:dg[:volumelist]]... [attribute...]",
            help: "Copies volumes that belong to no RDS.",
            hint:
                "make an RDS of them (vradmin help createpri; vradmin help addsec), then: vradmin -g DG -c NAME syncrvg RVG SECONDARY"
        ),
        .notBuilt(
            "addbunker",
            "[-g dg] [-bdg dg] addbunker rvg prihost bunkerhost [protocol=TCP|UDP|STORAGE]",
            help: "Adds a host that keeps a copy of the log only.",
            hint: "vradmin -g DG addsec RVG PRIMARY HOST, then vradmin -g DG set RVG HOST synchronous=override"
        ),
        .notBuilt(
            "activatebunker",
            "[-g dg] activatebunker rvg",
            help: "Lets a bunker replay its log to Secondaries.",
            hint: "on the Secondary that has most: vradmin -g DG -N takeover RVG"
        ),
        .notBuilt(
            "deactivatebunker",
            "[-g dg] deactivatebunker rvg",
            help: "Ends the replay of a bunker.",
            hint: "nothing to end: there are no bunkers"
        ),
        .notBuilt(
            "delbunker",
            "[-g dg] delbunker rvg [bunkerhost]",
            help: "Takes a bunker out of the RDS.",
            hint: "nothing to delete: there are no bunkers; to take a Secondary out: vradmin -g DG delsec RVG SECONDARY"
        ),
    ]
}
