import Foundation
import HomewardAdministration
import HomewardCore

/// `lab status`: the field names are part of the contract.
package struct LabStatus: Hashable, Sendable, Encodable {
    package struct Host: Hashable, Sendable, Encodable {
        package enum State: String, Hashable, Sendable, Encodable {
            case running, crashed, stopped
        }

        package var name: String
        package var state: State
        package var pid: Int32?
        /// `primary`, `secondary` or `none`.
        package var role: String
        package var directory: String
        package var control: String
        package var nbd: String

        package init(
            name: String,
            state: State,
            pid: Int32?,
            role: String,
            directory: String,
            control: String,
            nbd: String
        ) {
            self.name = name
            self.state = state
            self.pid = pid
            self.role = role
            self.directory = directory
            self.control = control
            self.nbd = nbd
        }

        private enum CodingKeys: String, CodingKey {
            case name, state, pid, role, directory, control, nbd
        }

        package func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(name, forKey: .name)
            try container.encode(state, forKey: .state)
            // Of a host that is down the field is there, and null.
            try container.encode(pid, forKey: .pid)
            try container.encode(role, forKey: .role)
            try container.encode(directory, forKey: .directory)
            try container.encode(control, forKey: .control)
            try container.encode(nbd, forKey: .nbd)
        }
    }

    package var hosts: [Host]
    package var partitions: [[String]]

    package init(hosts: [Host], partitions: [[String]]) {
        self.hosts = hosts
        self.partitions = partitions
    }

    /// A table for people.
    package var text: String {
        var lines = [Self.line("HOST", "STATE", "PID", "ROLE", "DIRECTORY")]
        for host in hosts {
            lines.append(
                Self.line(host.name, host.state.rawValue, host.pid.map(String.init) ?? "-", host.role, host.directory)
            )
        }
        for pair in partitions { lines.append("kept apart: \(pair.joined(separator: " and "))") }
        return lines.joined(separator: "\n")
    }

    private static func line(
        _ name: String,
        _ state: String,
        _ pid: String,
        _ role: String,
        _ directory: String
    ) -> String {
        let columns = [(name, 9), (state, 9), (pid, 8), (role, 11)]
        return columns.map { $0.0.padding(toLength: $0.1, withPad: " ", startingAt: 0) }.joined() + directory
    }
}

extension Lab {
    /// What runs, and in which roles; asks each running daemon, and waits for none longer than five seconds.
    package func status() async throws -> LabStatus {
        let state = try recorded()
        var hosts: [LabStatus.Host] = []
        for name in LabFolder.hostNames {
            let process = LabProcess.running(folder, name)
            let isStopped = state.hosts.first { $0.name == name }?.stopped ?? true
            let role = process == nil ? nil : await control(name).ownMember()?.role
            hosts.append(
                LabStatus.Host(
                    name: name,
                    state: process != nil ? .running : isStopped ? .stopped : .crashed,
                    pid: process?.id,
                    role: role ?? "none",
                    directory: folder.host(name),
                    control: folder.controlSocket(name),
                    nbd: folder.dataSocket(name)
                )
            )
        }
        return LabStatus(hosts: hosts, partitions: state.partitions)
    }
}
