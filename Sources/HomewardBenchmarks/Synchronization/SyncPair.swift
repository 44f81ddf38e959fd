/// Two hosts with copies of the same volumes, synchronized again and again.
struct SyncPair {
    let lab: BenchmarkLab
    private let bytes: UInt64
    private static let checkpoint = "benchmark"

    /// Fills the first `bytes` of each volume of both hosts with the same random data.
    init(_ lab: BenchmarkLab, bytes: UInt64) throws {
        self.lab = lab
        self.bytes = bytes
        try lab.makePair()
        for host in ["seattle", "london"] {
            for (number, path) in lab.volumes(of: host).enumerated() {
                let file = try VolumeFile(path)
                try file.fill(bytes, seed: UInt64(number) + 1)
                try file.synchronize()
                try file.warm()
            }
        }
    }

    /// Makes one in a hundred blocks of london's copy differ, durably and still in the page cache; gives how many.
    @discardableResult
    func part(round: Int) throws -> Int {
        var changed = 0
        for (number, path) in lab.volumes(of: "london").enumerated() {
            let file = try VolumeFile(path)
            changed += try file.change(onePercentOf: bytes, seed: UInt64(1_000 + round * 10 + number))
            try file.synchronize()
        }
        return changed
    }

    /// One `syncrvg` to its end, as the operator waits for it; in seconds.
    func synchronize() throws -> Double {
        let command = "vradmin -g hrdg -s -c \(Self.checkpoint) syncrvg hr_rvg london"
        let seconds = try lab.succeed(command, on: "seattle").seconds
        try lab.succeed("vxrvg -g hrdg -c \(Self.checkpoint) checkdelete hr_rvg", on: "seattle")
        return seconds
    }

    /// The same volumes by rsync, between two folders of one machine; in seconds.
    func rsync() throws -> Double {
        var seconds = 0.0
        for (from, to) in zip(lab.volumes(of: "seattle"), lab.volumes(of: "london")) {
            let arguments = ["--inplace", "--no-whole-file", "--ignore-times", from, to]
            seconds += try Program.system("rsync", arguments, output: "\(lab.folder)/rsync").succeed().seconds
        }
        return seconds
    }

    func hashBoth() throws -> Double {
        try HashingLimit.seconds([lab.volumes(of: "seattle"), lab.volumes(of: "london")])
    }

    /// Whether both copies are equal, told by another program.
    func proveEqual() throws {
        for (from, to) in zip(lab.volumes(of: "seattle"), lab.volumes(of: "london")) {
            try Program.system("cmp", [from, to], output: "\(lab.folder)/cmp").succeed()
        }
    }
}
