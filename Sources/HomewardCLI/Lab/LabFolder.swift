import CPlatform
import Foundation
import HomewardCore
import HomewardStorage

/// Where everything of a lab lies.
///
/// Only these names are ever touched in the folder.
package struct LabFolder: Sendable, Hashable {
    /// The hosts of every lab, the first Primary first.
    package static let hostNames = ["seattle", "london", "tokyo"]
    package static let diskGroup = "hrdg"
    package static let rvg = "hr_rvg"
    package static let dataVolumes = ["hr_dv01", "hr_dv02"]
    package static let log = "hr_srl"

    /// Absolute and without symbolic links: one folder has one path, however it is called.
    ///
    /// The daemons of a lab, its application and its address are known by this spelling.
    package let path: String

    /// A relative path is taken from the current folder.
    ///
    /// What is not there yet is taken as it is written.
    package init(_ path: String) {
        let current = FileManager.default.currentDirectoryPath
        let whole = FilePlace(path.hasPrefix("/") ? path : "\(current)/\(path)").path
        self.path = URL(fileURLWithPath: whole).standardizedFileURL.path
    }

    /// `--lab`, else `$HOMEWARD_LAB`, else `.lab` of the current folder.
    package static func chosen(_ option: String?, environment: [String: String]) -> LabFolder {
        let named = [option, environment["HOMEWARD_LAB"]].compactMap { $0 }.first { !$0.isEmpty }
        return LabFolder(named ?? ".lab")
    }

    package var stateFile: String { path + "/lab.json" }
    package var notesFile: String { path + "/load.log" }
    /// Process and words of the application that `lab load --detach` started.
    package var applicationFile: String { path + "/load.pid" }
    package var applicationLog: String { path + "/load.out" }
    package var lockFile: String { path + "/lab.lock" }
    package var loadLockFile: String { path + "/load.lock" }

    package func host(_ name: String) -> String { path + "/" + name }
    package func configuration(_ name: String) -> String { host(name) + "/host.lua" }
    package func daemonLog(_ name: String) -> String { host(name) + "/daemon.log" }
    package func processFile(_ name: String) -> String { host(name) + "/daemon.pid" }
    package func volume(_ volume: String, of name: String) -> String { host(name) + "/volumes/" + volume }
    /// As the daemon of `name` makes them in its directory.
    package func controlSocket(_ name: String) -> String { host(name) + "/control.sock" }
    package func dataSocket(_ name: String) -> String { host(name) + "/nbd.sock" }

    /// Everything of the lab, for `down --erase`.
    package var ownNames: [String] {
        Self.hostNames.map(host) + [notesFile, loadLockFile, applicationFile, applicationLog, stateFile]
    }

    /// Refuses a folder in which the hosts' sockets could not be bound.
    package func checkSocketPaths() throws(Refusal) {
        let limit = Int(homeward_unix_path_limit())
        let longest = Self.hostNames.map(controlSocket).max { $0.utf8.count < $1.utf8.count } ?? path
        guard longest.utf8.count > limit else { return }
        throw Refusal(
            .socketPathTooLong,
            longest,
            "the path of this socket has \(longest.utf8.count) bytes, and the system allows \(limit)",
            hint: "choose a folder with a shorter path: homeward lab up --lab=/tmp/lab"
        )
    }

    /// Refuses a folder that a lab was copied or moved to: its hosts know their volumes by whole paths.
    ///
    /// They would work on those of the folder that it came from. A path by which the same folder was known is no other.
    package func checkHolds(_ name: String, controlSocket: String) throws(Refusal) {
        let made = (controlSocket as NSString).deletingLastPathComponent
        guard !FilePlace(made).isSame(as: FilePlace(host(name))) else { return }
        throw Refusal(
            .labMoved,
            path,
            "the lab of this folder was made in another: \(name) lies in \(made)",
            hint: "name that folder with --lab=DIR, or move this one back to it; to remove what is here: "
                + "homeward lab down --erase --lab=\(path); for a new lab: homeward lab up --lab=DIR"
        )
    }

    /// Refuses a name that is none of the lab's hosts.
    package func checkHost(_ name: String) throws(Refusal) {
        guard !Self.hostNames.contains(name) else { return }
        throw Refusal(
            .unknownHost,
            name,
            "the lab has the hosts \(Self.hostNames.joined(separator: ", "))",
            hint: "homeward lab status"
        )
    }

    /// The file that a host's daemon is started with.
    package func configurationText(_ name: String, state: LabState) -> String {
        let peers = state.hosts.filter { $0.name != name }
            .map { "\($0.name) = \(luaString("\(state.address):\($0.port)"))" }
        let port = state.hosts.first { $0.name == name }?.port ?? 0
        return """
            -- Written by `homeward lab up`, and again at each start of the lab.
            return {
              name = \(luaString(name)),
              directory = \(luaString(host(name))),
              listen = \(luaString("\(state.address):\(port)")),
              peers = { \(peers.joined(separator: ", ")) },
            }

            """
    }
}

/// A Lua string literal of the same bytes.
func luaString(_ text: String) -> String {
    var literal = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"", "\\": literal += "\\" + String(scalar)
        case "\n": literal += "\\n"
        case "\r": literal += "\\r"
        case "\0": literal += "\\0"
        default: literal.unicodeScalars.append(scalar)
        }
    }
    return literal + "\""
}
