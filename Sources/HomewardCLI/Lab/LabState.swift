import Foundation
import HomewardCore

/// What a lab remembers of itself, in `lab.json`: written before anything that it speaks of is done.
package struct LabState: Hashable, Sendable, Codable {
    package struct Host: Hashable, Sendable, Codable {
        package var name: String
        package var port: UInt16
        /// Ended in order, by `lab down`: a host that neither runs nor was stopped has crashed.
        package var stopped = false
        /// Its control socket: clients find the hosts of a lab by this file.
        package var control: String
        /// Its data socket.
        package var nbd: String
    }

    package static let currentFormat = 1

    package var format = LabState.currentFormat
    /// In every record of `lab load`, so that bytes of another lab are not taken for this one's.
    package var id: Identity
    /// The loopback address that is the lab's own.
    package var address: String
    package var volumeSize: UInt64
    package var logSize: UInt64
    package var bare: Bool
    /// The hosts were made and set up: from then on nothing of them is ever made anew.
    package var ready = false
    /// Pairs of hosts that are kept apart, each in alphabetical order.
    package var partitions: [[String]] = []
    package var hosts: [Host]

    /// A lab that is about to be made, with a port for each host.
    package init(
        _ folder: LabFolder,
        id: Identity,
        address: String,
        volumeSize: UInt64,
        logSize: UInt64,
        bare: Bool
    ) {
        self.id = id
        self.address = address
        self.volumeSize = volumeSize
        self.logSize = logSize
        self.bare = bare
        hosts = zip(LabFolder.hostNames, LabAddress.ports).map { name, port in
            Host(name: name, port: port, control: folder.controlSocket(name), nbd: folder.dataSocket(name))
        }
    }

    package func isBlocked(_ first: String, _ second: String) -> Bool {
        partitions.contains([first, second].sorted())
    }

    package mutating func setStopped(_ name: String, _ stopped: Bool) {
        for index in hosts.indices where hosts[index].name == name { hosts[index].stopped = stopped }
    }

    /// Nil when the folder holds no lab.
    /// - Throws: `bad-format` for a file that is not this release's, `lab-moved` for one of another folder.
    package static func load(_ folder: LabFolder) throws(Refusal) -> LabState? {
        guard let content = LabFiles.read(folder.stateFile) else { return nil }
        guard let state = try? JSONDecoder().decode(LabState.self, from: Data(content)), state.format == currentFormat
        else {
            throw Refusal(
                .badFormat,
                folder.stateFile,
                "not a lab's record of format \(currentFormat)",
                hint: "to remove this lab: homeward lab down --erase --lab=\(folder.path); or choose another folder: "
                    + "homeward lab up --lab=DIR"
            )
        }
        for host in state.hosts { try folder.checkHolds(host.name, controlSocket: host.control) }
        return state
    }

    /// Durable when it returns.
    package func save(_ folder: LabFolder) throws(Refusal) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let content = try? encoder.encode(self) else { preconditionFailure("a lab's record always encodes") }
        try LabFiles.replace(folder.stateFile, with: [UInt8](content) + [UInt8(ascii: "\n")])
    }
}
