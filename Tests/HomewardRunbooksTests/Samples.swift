import HomewardAdministration
import HomewardCore

/// Answers of hosts, as tests need them.
enum Samples {
    static let discarded = DiscardedUpdates(
        host: "seattle",
        updates: 9,
        kept: 9,
        bytes: 36_864,
        firstID: UpdateID(4),
        lastID: UpdateID(12),
        firstTime: 1,
        lastTime: 2,
        ranges: [VolumeRange(volume: "hr_dv01", offset: 8192, length: 4096)],
        rangesLeftOff: 0,
        salvageFile: "/srv/salvage"
    )

    static let link = LinkDescription(
        name: "rlk_seattle_hr_rvg",
        remoteHost: "seattle",
        remoteRVG: "hr_rvg",
        remoteDiskGroup: "hrdg",
        state: "ACTIVE",
        kstate: "CONNECT",
        flags: ["write", "enabled"],
        dataStatus: "behind",
        consistent: true,
        diverged: nil,
        replicationStatus: "replicating (connected)",
        behindUpdates: 5,
        behindBytes: 20480,
        behindSeconds: 1.5,
        behindPercent: 0.1,
        settings: LinkSettings(),
        currentMode: "asynchronous",
        disconnectReason: nil,
        lastContactAge: nil,
        untilConsistent: nil
    )

    static let rds = RDSDescription(
        rvg: "hr_rvg",
        id: Identity(high: 1, low: 2),
        primary: "london",
        members: [member("london", "primary", links: [link]), member("seattle", "secondary")],
        links: [link],
        configErrors: [ConfigError(host: "seattle", error: "Primary-Primary configuration")]
    )

    /// The same with another link.
    static func rds(_ change: (inout LinkDescription) -> Void) -> RDSDescription {
        var rds = rds
        change(&rds.links[0])
        return rds
    }

    static func member(_ host: String, _ role: String, links: [LinkDescription] = []) -> MemberDescription {
        MemberDescription(
            host: host,
            isLocal: role == "primary",
            reachable: role == "primary",
            age: role == "primary" ? nil : 3,
            diskGroup: "hrdg",
            rvg: "hr_rvg",
            role: role,
            state: "enabled",
            reason: role == "primary" ? nil : "no answer",
            volumes: [volume("hr_dv01", isOpen: role == "primary"), volume("hr_srl", isLog: true)],
            log: "hr_srl",
            logSize: 1 << 27,
            logUsed: 4096,
            endID: UpdateID(1 << 32 | 7),
            consistent: true,
            follows: role == "primary" ? nil : "london",
            links: links,
            activity: []
        )
    }

    static func volume(_ name: String, isOpen: Bool = false, isLog: Bool = false) -> VolumeDescription {
        VolumeDescription(
            diskGroup: "hrdg",
            name: name,
            size: 1 << 26,
            path: "/srv/\(name)",
            isDevice: false,
            rvg: "hr_rvg",
            isLog: isLog,
            openBy: isOpen ? [SessionHolder(process: 4711, label: "nbd: qemu-io (pid 4711)")] : []
        )
    }

    static func host(_ name: String, peers: [String], settled: Bool = true) -> HostDescription {
        HostDescription(
            name: name,
            id: Identity(high: 3, low: 4),
            version: "0.1.0",
            process: 17,
            directory: "/srv/\(name)",
            controlSocket: "/srv/\(name)/control.sock",
            dataSocket: "/srv/\(name)/data.sock",
            listen: "127.0.0.1:1",
            peers: peers.map { .init(name: $0, address: "127.0.0.1:2", connected: true, blocked: false, reason: nil) },
            diskGroups: ["hrdg"],
            rvgs: [rds],
            settled: settled
        )
    }
}
