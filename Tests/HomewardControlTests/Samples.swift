import HomewardAdministration
import HomewardCore

/// One of each, with values in every field.
enum Samples {
    static let rvg = RVGReference(diskGroup: "hrdg", rvg: "hr_rvg")
    static let link = RLinkReference(diskGroup: nil, rlink: "rlk_seattle_hr_rvg")

    static let requests: [Request] = [
        .createDiskGroup(name: "hrdg"),
        .createVolume(diskGroup: "hrdg", volume: "hr_dv01", path: "/v/1", isDevice: false, size: 64 << 20),
        .createVolume(diskGroup: "hrdg", volume: "hr_dv02", path: "/dev/x", isDevice: true, size: nil),
        .listVolumes(diskGroup: nil), .sumVolume(diskGroup: "hrdg", volume: "hr_dv01"),
        .createPrimary(diskGroup: nil, rvg: "hr_rvg", volumes: ["a", "b"], log: "hr_srl"),
        .addSecondary(
            rvg,
            primary: "seattle",
            secondary: "london",
            secondaryDiskGroup: "dg2",
            attributes: [Attribute(name: "synchronous", value: "off")]
        ),
        .deleteSecondary(rvg, secondary: nil), .deletePrimary(rvg, force: true),
        .startReplication(rvg, secondary: "seattle", how: .checkpoint("cp"), consent: true),
        .startReplication(rvg, secondary: nil, how: .identical, consent: false),
        .stopReplication(rvg, secondary: "tokyo", force: true, consent: true),
        .pauseReplication(rvg, secondary: nil), .resumeReplication(rvg, secondary: "tokyo"),
        .synchronize(rvg, secondaries: ["a", "b"], checkpoint: "cp", full: true, force: false, consent: true),
        .verify(rvg, secondaries: ["a"], consent: true), .takeover(rvg, force: false),
        .makeSecondary(rvg, newPrimary: "london", force: true), .migrate(rvg, to: "seattle", consent: true),
        .describe(diskGroup: nil, rvgs: []), .setAttributes(rvg, secondary: nil, attributes: []),
        .checkStart(rvg, name: "cp"), .checkEnd(rvg), .checkDelete(rvg, name: "cp"), .listCheckpoints(rvg),
        .startRVG(rvg, force: true), .stopRVG(rvg), .linkStatus(link), .linkUpdates(link), .pauseLink(link),
        .resumeLink(link), .attachLink(link, how: .identical, consent: true), .detachLink(link),
        .listLinkCheckpoints(link), .hostStatus, .setBlocked(peer: "tokyo", blocked: true), .shutDown,
    ]

    static let identity = Identity(high: .max, low: 7)
    static let discarded = DiscardedUpdates(
        host: "seattle",
        updates: 3,
        kept: 3,
        bytes: 4096,
        firstID: UpdateID(9),
        lastID: UpdateID(11),
        firstTime: 1.5,
        lastTime: 2,
        ranges: [VolumeRange(volume: "hr_dv01", offset: 0, length: 4096)],
        rangesLeftOff: 1,
        salvageFile: "/s"
    )
    static let description = LinkDescription(
        name: "rlk_seattle_hr_rvg",
        remoteHost: "seattle",
        remoteRVG: "hr_rvg",
        remoteDiskGroup: "hrdg",
        state: "ACTIVE",
        kstate: "CONNECT",
        flags: ["write"],
        dataStatus: "behind",
        consistent: true,
        diverged: 1,
        replicationStatus: "replicating (connected)",
        behindUpdates: 2,
        behindBytes: 3,
        behindSeconds: 4.25,
        behindPercent: 5.5,
        settings: LinkSettings(bandwidthLimit: 9),
        currentMode: "asynchronous",
        disconnectReason: "reset",
        lastContactAge: 0.5,
        untilConsistent: .max
    )
    static let volume = VolumeDescription(
        diskGroup: "hrdg",
        name: "hr_dv01",
        size: 64 << 20,
        path: "/v",
        isDevice: false,
        rvg: "hr_rvg",
        isLog: false,
        openBy: [SessionHolder(process: 7, label: "nbd")]
    )
    static let rds = RDSDescription(
        rvg: "hr_rvg",
        id: identity,
        primary: nil,
        members: [
            MemberDescription(
                host: "london",
                isLocal: true,
                reachable: true,
                age: nil,
                diskGroup: "hrdg",
                rvg: "hr_rvg",
                role: "primary",
                state: "enabled",
                reason: "x",
                volumes: [volume],
                log: "hr_srl",
                logSize: 1,
                logUsed: 2,
                endID: .never,
                consistent: true,
                follows: "seattle",
                links: [description],
                activity: ["sync"]
            )
        ],
        links: [description],
        configErrors: [ConfigError(host: "london", error: "Primary-Primary configuration")]
    )

    static let answers: [Answer] = [
        .done(
            Outcome(
                already: true,
                summary: "done",
                notes: ["a"],
                discarded: discarded,
                takeover: TakeoverReport(
                    epoch: 2,
                    forkID: UpdateID(8),
                    forkTime: 1,
                    lastHeardID: UpdateID(9),
                    lostAtLeast: 1,
                    oldPrimary: "seattle"
                )
            )
        ),
        .volumes([volume]),
        .sum(VolumeSum(host: "london", volume: "hr_dv01", size: 1, sha256: "ab", position: UpdateID(1 << 33))),
        .rds([rds]),
        .checkpoints([
            CheckpointDescription(
                name: "cp",
                state: "completed",
                bytes: 1,
                percent: 0.5,
                startID: UpdateID(1),
                endID: UpdateID(2)
            )
        ]),
        .synchronized([
            SynchronizationReport(
                secondary: "seattle",
                checkpoint: "cp",
                already: false,
                volumes: [Progress.VolumeProgress(volume: "hr_dv01", size: 4, compared: 3, differing: 2, sent: 1)],
                startID: UpdateID(1),
                endID: nil,
                seconds: 0.25,
                discarded: discarded,
                notes: []
            )
        ]),
        .link(description),
        .updates(
            UpdatesDescription(
                rlink: "r",
                secondaryID: UpdateID(1),
                secondaryTime: 1,
                primaryID: nil,
                primaryTime: nil
            )
        ),
        .host(host),
    ]

    static let host = HostDescription(
        name: "london",
        id: identity,
        version: "1",
        process: 42,
        directory: "/d",
        controlSocket: "/c",
        dataSocket: "/n",
        listen: "127.0.0.1:1",
        peers: [
            HostDescription.PeerDescription(
                name: "tokyo",
                address: "127.0.0.1:2",
                connected: false,
                blocked: true,
                reason: "cut"
            )
        ],
        diskGroups: ["hrdg"],
        rvgs: [rds],
        settled: true
    )
}
