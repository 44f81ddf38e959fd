import HomewardAdministration

/// Requests as an operator would type them.
///
/// Pure. A line read back by the command line gives the same request.
public enum CommandLine {
    /// The line, with `HOST # ` in front where it has to be typed on one host.
    public static func text(of request: Request, to target: ScriptTarget) -> String {
        let line = text(of: request)
        guard case .host(let host) = target else { return line }
        return "\(host) # \(line)"
    }

    /// The line alone.
    public static func text(of request: Request) -> String { words(of: request).map(quoted).joined(separator: " ") }

    /// A site's command, with `HOST # ` in front where it runs on another host than the script.
    public static func text(of command: ShellCommand) -> String {
        let line = command.words.map(quoted).joined(separator: " ")
        return command.host.map { "\($0) # \(line)" } ?? line
    }

    /// A word as a POSIX shell takes it.
    public static func quoted(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "_-+=:,./@%^".utf8.contains(byte)
            }
        }
        if plain, !word.isEmpty { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    static func words(of request: Request) -> [String] {
        switch request {
        case .createDiskGroup(let name): ["homeward", "dg", "create", name]
        case .createVolume(let group, let volume, let path, let isDevice, let size):
            ["homeward", "vol", "create", "\(group)/\(volume)", isDevice ? "--device" : "--file", path]
                + (size.map { ["--size", "\($0)"] } ?? [])
        case .listVolumes(let group): ["homeward", "vol", "list"] + (group.map { [$0] } ?? [])
        case .sumVolume(let group, let volume): ["homeward", "vol", "sum", "\(group)/\(volume)"]
        case .createPrimary, .addSecondary, .deleteSecondary, .deletePrimary, .setAttributes, .describe:
            setup(request)
        case .startReplication, .stopReplication, .pauseReplication, .resumeReplication, .synchronize, .verify:
            replication(request)
        case .takeover(let rvg, let force): vradmin(rvg, ["-N"] + flag("-f", force), "takeover")
        case .makeSecondary(let rvg, let primary, let force): vradmin(rvg, flag("-f", force), "makesec", [primary])
        case .migrate(let rvg, let host, let consent): vradmin(rvg, flag("-s", consent), "migrate", list(host))
        case .checkStart(let rvg, let name): vxrvg(rvg, ["-c", name], "checkstart")
        case .checkEnd(let rvg): vxrvg(rvg, [], "checkend")
        case .checkDelete(let rvg, let name): vxrvg(rvg, ["-c", name], "checkdelete")
        case .listCheckpoints(let rvg): vxrvg(rvg, [], "cplist")
        case .startRVG(let rvg, let force): vxrvg(rvg, flag("-f", force), "start")
        case .stopRVG(let rvg): vxrvg(rvg, [], "stop")
        case .linkStatus(let link): vxrlink(link, [], "status")
        case .linkUpdates(let link): vxrlink(link, [], "updates")
        case .pauseLink(let link): vxrlink(link, [], "pause")
        case .resumeLink(let link): vxrlink(link, [], "resume")
        case .attachLink(let link, let how, let consent): vxrlink(link, mode(how) + flag("-s", consent), "att")
        case .detachLink(let link): vxrlink(link, [], "det")
        case .listLinkCheckpoints(let link): vxrlink(link, [], "cplist")
        case .hostStatus: ["homeward", "status"]
        case .setBlocked(let peer, let blocked): ["homeward", "lab", blocked ? "partition" : "heal", peer]
        case .shutDown: ["homeward", "lab", "down"]
        }
    }

    private static func setup(_ request: Request) -> [String] {
        switch request {
        case .createPrimary(let group, let rvg, let volumes, let log):
            vradmin(
                RVGReference(diskGroup: group, rvg: rvg),
                [],
                "createpri",
                [volumes.joined(separator: ","), log]
            )
        case .addSecondary(let rvg, let primary, let secondary, let group, let attributes):
            vradmin(rvg, group.map { ["-sdg", $0] } ?? [], "addsec", [primary, secondary] + words(attributes))
        case .deleteSecondary(let rvg, let secondary): vradmin(rvg, [], "delsec", list(secondary))
        case .deletePrimary(let rvg, let force): vradmin(rvg, flag("-f", force), "delpri")
        case .setAttributes(let rvg, let secondary, let attributes):
            vradmin(rvg, [], "set", list(secondary) + words(attributes))
        case .describe(let group, let rvgs):
            ["vradmin"] + (group.map { ["-g", $0] } ?? []) + ["-l", "printrvg"] + rvgs
        default: preconditionFailure("words(of:) passes on no other request")
        }
    }

    private static func replication(_ request: Request) -> [String] {
        switch request {
        case .startReplication(let rvg, let secondary, let how, let consent):
            vradmin(rvg, mode(how) + flag("-s", consent), "startrep", list(secondary))
        case .stopReplication(let rvg, let secondary, let force, let consent):
            vradmin(rvg, flag("-f", force) + flag("-s", consent), "stoprep", list(secondary))
        case .pauseReplication(let rvg, let secondary): vradmin(rvg, [], "pauserep", list(secondary))
        case .resumeReplication(let rvg, let secondary): vradmin(rvg, [], "resumerep", list(secondary))
        case .synchronize(let rvg, let secondaries, let checkpoint, let full, let force, let consent):
            vradmin(
                rvg,
                ["-c", checkpoint] + flag("-full", full) + flag("-f", force) + flag("-s", consent),
                "syncrvg",
                secondaries
            )
        case .verify(let rvg, let secondaries, let consent):
            vradmin(rvg, ["-verify"] + flag("-s", consent), "syncrvg", secondaries)
        default: preconditionFailure("words(of:) passes on no other request")
        }
    }

    // MARK: Parts of a line

    private static func vradmin(
        _ rvg: RVGReference,
        _ options: [String],
        _ verb: String,
        _ rest: [String] = []
    ) -> [String] {
        line("vradmin", rvg.diskGroup, options, verb, rvg.rvg) + rest
    }

    private static func vxrvg(_ rvg: RVGReference, _ options: [String], _ verb: String) -> [String] {
        line("vxrvg", rvg.diskGroup, options, verb, rvg.rvg)
    }

    private static func vxrlink(_ link: RLinkReference, _ options: [String], _ verb: String) -> [String] {
        line("vxrlink", link.diskGroup, options, verb, link.rlink)
    }

    private static func line(
        _ language: String,
        _ group: String?,
        _ options: [String],
        _ verb: String,
        _ object: String
    ) -> [String] {
        [language] + (group.map { ["-g", $0] } ?? []) + options + [verb, object]
    }

    private static func flag(_ name: String, _ given: Bool) -> [String] { given ? [name] : [] }
    private static func list(_ word: String?) -> [String] { word.map { [$0] } ?? [] }
    private static func words(_ attributes: [Attribute]) -> [String] { attributes.map { "\($0.name)=\($0.value)" } }

    private static func mode(_ how: AttachMode) -> [String] {
        switch how {
        case .checkpoint(let name): ["-c", name]
        case .identical: ["-f"]
        }
    }
}
