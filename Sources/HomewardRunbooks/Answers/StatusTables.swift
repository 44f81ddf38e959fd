import HomewardAdministration
import HomewardCore
import LuaHost

/// What `status` tells of RDSs, their hosts and their RLINKs.
extension AnswerTables {
    /// The table of `rds:status()`.
    ///
    /// `primary` is there only if exactly one host is Primary.
    public static func value(_ rds: RDSDescription) -> LuaValue {
        .record([
            "rvg": .text(rds.rvg),
            "dg": .text(diskGroup(of: rds)),
            "id": .text(rds.id.description),
            "primary": text(primary(of: rds)),
            "hosts": .list(rds.members.map(value)),
            "links": .list(rds.links.map(value)),
            "config_errors": .list(
                rds.configErrors.map { .record(["host": .text($0.host), "error": .text($0.error)]) }
            ),
        ])
    }

    /// Two Primaries that answer are none: a script that acts on the one it was told would act on a guess.
    private static func primary(of rds: RDSDescription) -> String? {
        let primaries = rds.members.filter { $0.role == "primary" && $0.reachable }
        return primaries.count > 1 ? nil : rds.primary
    }

    static func diskGroup(of rds: RDSDescription) -> String {
        let best = rds.members.first { $0.host == rds.primary } ?? rds.members.first { $0.isLocal } ?? rds.members.first
        return best?.diskGroup ?? ""
    }

    public static func value(_ member: MemberDescription) -> LuaValue {
        let openBy = member.volumes.flatMap { volume in volume.openBy.map { holder($0, volume.name) } }
        return .record([
            "name": .text(member.host),
            "role": .text(member.role),
            "state": .text(member.state),
            "reason": text(member.reason),
            "shut": member.isShut.map { .boolean($0) } ?? .none,
            "reachable": .boolean(member.reachable),
            "age": number(member.age),
            "dg": .text(member.diskGroup),
            "rvg": .text(member.rvg),
            "consistent": .boolean(member.consistent),
            "follows": text(member.follows),
            "position": id(member.endID),
            "log": .record([
                "name": .text(member.log), "size": count(member.logSize), "used": count(member.logUsed),
            ]),
            "volumes": .list(member.volumes.map(value)),
            "open_by": .list(openBy),
            "links": .list(member.links.map(value)),
            "activity": texts(member.activity),
            "history": .list(member.history.map(value)),
        ])
    }

    public static func value(_ epoch: EpochDescription) -> LuaValue {
        .record([
            "number": count(epoch.number),
            "id": .text(epoch.id.description),
            "kind": .text(epoch.kind),
            "first_id": id(epoch.firstID),
            "host": .text(epoch.host),
        ])
    }

    /// `data_status` is `up-to-date`, `behind`, `inconsistent` or `unknown`; another word of a later release is `unknown`.
    public static func value(_ link: LinkDescription) -> LuaValue {
        .record([
            "name": .text(link.name),
            "secondary": .text(link.remoteHost),
            "remote_dg": .text(link.remoteDiskGroup),
            "remote_rvg": .text(link.remoteRVG),
            "state": .text(link.state),
            "kstate": .text(link.kstate),
            "flags": texts(link.flags),
            "data_status": .text(dataStatus(link.dataStatus)),
            "replication_status": .text(link.replicationStatus),
            "consistent": .boolean(link.consistent),
            "diverged": link.diverged.map(count) ?? .none,
            "behind": .record([
                "updates": count(link.behindUpdates),
                "bytes": count(link.behindBytes),
                "seconds": .number(link.behindSeconds),
                "percent": .number(link.behindPercent),
            ]),
            "mode": .text(link.currentMode),
            "settings": value(link.settings),
            "reason": text(link.disconnectReason),
            "last_contact_age": number(link.lastContactAge),
            "until_consistent": link.untilConsistent.map(count) ?? .none,
        ])
    }

    private static func dataStatus(_ word: String) -> String {
        ["up-to-date", "behind", "inconsistent", "unknown"].contains(word) ? word : "unknown"
    }

    /// `bandwidth_limit` is in bytes a second, left out where there is none.
    public static func value(_ settings: LinkSettings) -> LuaValue {
        .record([
            "synchronous": .text(settings.synchronous.rawValue),
            "srlprot": .text(settings.srlprot.rawValue),
            "latencyprot": .text(settings.latencyprot.rawValue),
            "latency_high_mark": count(settings.latencyHighMark),
            "latency_low_mark": count(settings.latencyLowMark),
            "bandwidth_limit": settings.bandwidthLimit.map(count) ?? .none,
        ])
    }

    public static func value(_ host: HostDescription) -> LuaValue {
        .record([
            "name": .text(host.name),
            "id": .text(host.id.description),
            "version": .text(host.version),
            "process": .integer(Int64(host.process)),
            "directory": .text(host.directory),
            "control_socket": .text(host.controlSocket),
            "data_socket": .text(host.dataSocket),
            "listen": .text(host.listen),
            "peers": .list(host.peers.map(value)),
            "dgs": texts(host.diskGroups),
            "rvgs": .list(host.rvgs.map(value)),
            "settled": .boolean(host.settled),
        ])
    }

    public static func value(_ peer: HostDescription.PeerDescription) -> LuaValue {
        .record([
            "name": .text(peer.name),
            "address": .text(peer.address),
            "connected": .boolean(peer.connected),
            "blocked": .boolean(peer.blocked),
            "reason": text(peer.reason),
        ])
    }
}
