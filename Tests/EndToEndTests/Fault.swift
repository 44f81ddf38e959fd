import Foundation

/// Something that happens to a host, or between two, while a command runs, and is over after a while.
struct Fault {
    enum Kind: String, CaseIterable {
        /// SIGKILL; started again.
        case kill
        /// SIGSTOP, which to the others looks like a cable that was pulled; then SIGCONT.
        case halt
        /// An end in order; started again.
        case restart
        /// Both daemons refuse each other, existing connections included.
        case partition
    }

    var kind: Kind
    var host: String
    /// The other end of a partition.
    var other: String
    /// Microseconds until it happens, and that it lasts.
    var after: UInt32
    var hold: UInt32

    /// One that may hit any of the hosts.
    static func random(among hosts: [String], within: UInt32, _ random: inout Seeded) -> Fault {
        let host = hosts[Int.random(in: hosts.indices, using: &random)]
        let others = TestLab.hosts.filter { $0 != host }
        // Some outlast the silence that connections bear, most do not.
        let longest: UInt32 = Int.random(in: 0..<4, using: &random) == 0 ? 6_000_000 : 600_000
        return Fault(
            kind: Kind.allCases[Int.random(in: Kind.allCases.indices, using: &random)],
            host: host,
            other: others[Int.random(in: others.indices, using: &random)],
            after: UInt32.random(in: 0..<within, using: &random),
            hold: UInt32.random(in: 0..<longest, using: &random)
        )
    }

    /// Lets it happen and pass; what it needs is asked of the lab before.
    func happen(in lab: TestLab) throws {
        let process = lab.process(host)
        usleep(after)
        try begin(in: lab, process)
        usleep(hold)
        try end(in: lab, process)
    }

    func begin(in lab: TestLab, _ process: Int32?) throws {
        switch kind {
        case .halt: if let process { kill(process, SIGSTOP) }
        case .kill, .restart:
            // By its number, which takes no time; a command would begin after most verbs have ended.
            guard let process else { return }
            kill(process, kind == .kill ? SIGKILL : SIGTERM)
            try lab.wait(for: "end of \(host)", seconds: 30) { kill(process, 0) != 0 }
        case .partition: try lab.repeating("homeward lab partition \(host) \(other)")
        }
    }

    func end(in lab: TestLab, _ process: Int32?) throws {
        switch kind {
        case .kill, .restart: try lab.repeating("homeward lab restart \(host)")
        case .halt: if let process { kill(process, SIGCONT) }
        case .partition: try lab.repeating("homeward lab heal")
        }
    }
}
