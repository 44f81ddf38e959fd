import Foundation
import HomewardCore
import HomewardStorage

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

    /// Of format 1 nothing proved that a size, an address or an identity is the one that was written.
    package static let currentFormat = 2

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
    /// - Throws: `bad-format` for a file that is damaged or not this release's, `lab-moved` for one of another folder,
    ///   `io-error` for one that cannot be read.
    package static func load(_ folder: LabFolder) throws(Refusal) -> LabState? {
        guard let content = try DurableFile.read(folder.stateFile) else { return nil }
        let decoder = JSONDecoder()
        let data = Data(content)
        if let format = (try? decoder.decode(Format.self, from: data))?.format, format != currentFormat {
            throw refusal(folder, "a lab's record of format \(format), and this release reads \(currentFormat)")
        }
        guard let sealed = try? decoder.decode(Sealed.self, from: data) else {
            throw refusal(folder, "damaged, or not a lab's record")
        }
        guard sealed.checksum == sealed.state.checksum else {
            throw refusal(folder, "damaged: what it says does not match its checksum")
        }
        for host in sealed.state.hosts { try folder.checkHolds(host.name, controlSocket: host.control) }
        return sealed.state
    }

    private static func refusal(_ folder: LabFolder, _ what: String) -> Refusal {
        Refusal(
            .badFormat,
            folder.stateFile,
            what,
            hint: "to remove this lab: homeward lab down --erase --lab=\(folder.path); or choose another folder: "
                + "homeward lab up --lab=DIR"
        )
    }

    /// Durable when it returns.
    package func save(_ folder: LabFolder) throws(Refusal) {
        let content = Self.encoded(Sealed(state: self, checksum: checksum), [.prettyPrinted])
        try LabFiles.replace(folder.stateFile, with: content + [UInt8(ascii: "\n")])
    }

    private static func encoded(_ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, formatting]
        guard let content = try? encoder.encode(value) else { preconditionFailure("a lab's record always encodes") }
        return [UInt8](content)
    }

    /// Over all fields, however the file sets them.
    private var checksum: String { LabFiles.checksumText(Self.encoded(self, [])) }

    private struct Format: Decodable {
        var format: Int
    }

    /// What the file holds: the fields, and one more with their checksum.
    private struct Sealed: Codable {
        private enum CodingKeys: CodingKey {
            case checksum
        }

        var state: LabState
        var checksum: String

        init(state: LabState, checksum: String) {
            self.state = state
            self.checksum = checksum
        }

        init(from decoder: any Decoder) throws {
            state = try LabState(from: decoder)
            checksum = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .checksum)
        }

        func encode(to encoder: any Encoder) throws {
            try state.encode(to: encoder)
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(checksum, forKey: .checksum)
        }
    }
}
