import Foundation
import HomewardAdministration
import HomewardCLI
import HomewardCore
import Testing

@Suite(.timeLimit(.minutes(1)))
struct LabFilesTests {
    let lab = Identity(high: 1, low: 2)

    @Test("a record reads back as it was written, and one changed bit makes it damaged")
    func record() {
        let record = LabRecord(lab: lab, run: 3, number: 4, previous: 5)
        let bytes = record.encoded
        #expect(bytes.count == LabRecord.size)
        #expect(LabRecord.decode(bytes[...], lab: lab) == .record(record))
        for place in [25, 33, 41, 100, 4095] {
            var torn = bytes
            torn[place] ^= 1
            #expect(LabRecord.decode(torn[...], lab: lab) == .damaged)
        }
        #expect(
            LabRecord.decode(bytes[...], lab: Identity(high: 9, low: 9)) == .empty,
            "another lab's bytes are not ours"
        )
        #expect(LabRecord.decode([UInt8](repeating: 0, count: 4096)[...], lab: lab) == .empty)
    }

    @Test("records of different loads, numbers and predecessors differ")
    func distinct() {
        let all = [(1, 1, 0), (2, 1, 0), (1, 2, 0), (1, 1, 1)].map {
            LabRecord(lab: lab, run: $0, number: $1, previous: $2)
        }
        #expect(Set(all.map(\.checksum)).count == 4)
    }

    @Test("slots lie in the last 16 MiB of the volumes in turn, each number in one of its own until the ring is full")
    func layout() throws {
        let size: UInt64 = 64 << 20
        let layout = try #require(LabLayout(sizes: [size, size]))
        #expect(layout.slots == 4096)
        #expect(layout.capacity == 8192)
        var places: Set<[UInt64]> = []
        for number in 1...layout.capacity {
            let offset = layout.offset(of: number)
            #expect(offset >= 48 << 20)
            #expect(offset + 4096 <= size)
            #expect(layout.volume(of: number) == Int(number % 2))
            places.insert([number % 2, offset])
        }
        #expect(places.count == 8192)
        #expect(layout.offset(of: 1 + layout.capacity) == layout.offset(of: 1))
        #expect(LabLayout(sizes: [4095, size]) == nil)
    }

    @Test("a load is put together from its notes; what was known before a record is the position of the note before")
    func notes() throws {
        let run = LabNote(
            kind: .run,
            run: 5,
            number: 1,
            position: .zero,
            time: 1,
            primary: "seattle",
            history: [EpochDescription(number: 1, id: lab, kind: "created", firstID: UpdateID(1), host: "seattle")]
        )
        let flush = LabNote(kind: .flush, run: 5, number: 64, position: UpdateID(70), time: 2, primary: "seattle")
        let runs = LabRun.collect(try LabNotes(run.line + flush.line, path: "load.log").notes)
        #expect(runs.first?.flushes == [.init(number: 64, position: UpdateID(70), time: 2)])
        #expect(runs.first?.positionBefore(64) == .zero)
        #expect(runs.first?.positionBefore(65) == UpdateID(70))
    }

    @Test("the address of a path stays, is a loopback one outside 127.0, and gives way when a port is taken")
    func address() throws {
        let first = LabAddress.candidate("/tmp/a", attempt: 0)
        #expect(first == LabAddress.candidate("/tmp/a", attempt: 0))
        #expect(first != LabAddress.candidate("/tmp/b", attempt: 0))
        for attempt in 0..<200 as Range<UInt64> {
            let parts = LabAddress.candidate("/tmp/a", attempt: attempt).split(separator: ".").compactMap { Int($0) }
            #expect(parts.count == 4)
            #expect(parts[0] == 127)
            #expect((1...254).contains(parts[1]))
            #expect((0...255).contains(parts[2]))
            #expect((1...254).contains(parts[3]))
        }
        let second = try LabAddress.pick("/tmp/a") { address, port in address != first || port != 7112 }
        #expect(second == LabAddress.candidate("/tmp/a", attempt: 1))
        #expect(throws: Refusal.self) { try LabAddress.pick("/tmp/a") { _, _ in false } }
    }

    @Test("lab.json reads back as it was written, and a strange one is refused")
    func state() throws {
        let stage = try LabStage()
        try FileManager.default.createDirectory(atPath: stage.folder.path, withIntermediateDirectories: true)
        #expect(try LabState.load(stage.folder) == nil)
        var state = LabState(
            stage.folder,
            id: lab,
            address: "127.1.2.3",
            volumeSize: 1 << 20,
            logSize: 2 << 20,
            bare: true
        )
        state.partitions = [["london", "tokyo"]]
        state.ready = true
        try state.save(stage.folder)
        #expect(try LabState.load(stage.folder) == state)
        #expect(state.isBlocked("tokyo", "london"))
        #expect(state.hosts.map(\.control) == LabFolder.hostNames.map(stage.folder.controlSocket))
        try Data("{}".utf8).write(to: URL(fileURLWithPath: stage.folder.stateFile))
        #expect(throws: Refusal.self) { try LabState.load(stage.folder) }
    }

    @Test("status prints the fields that scripts rely on, null for the pid of a host that is down")
    func statusShape() throws {
        let host = LabStatus.Host(
            name: "seattle",
            state: .crashed,
            pid: nil,
            role: "none",
            directory: "/l/seattle",
            control: "/l/c",
            nbd: "/l/n"
        )
        let status = LabStatus(hosts: [host], partitions: [["london", "seattle"]])
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(status), as: UTF8.self)
        #expect(
            text == #"{"hosts":[{"control":"/l/c","directory":"/l/seattle","name":"seattle","nbd":"/l/n","pid":null,"#
                + #""role":"none","state":"crashed"}],"partitions":[["london","seattle"]]}"#
        )
    }

    @Test("a field that is nil is there, and null, as in every other command's JSON")
    func nullFields() throws {
        let text =
            #"{"passed":true,"findings":[],"notes":[],"flushed":7,"newest":{"london":7},"outages":[],"givenUp":[]}"#
        let report = try JSONDecoder().decode(LabCheckReport.self, from: Data(text.utf8))
        #expect(
            LabOutput.json(report)
                == #"{"findings":[],"flushed":7,"givenUp":[],"newest":{"london":7},"notes":[],"outages":[],"#
                + #""passed":true,"primary":null}"#
        )
    }

    @Test("a socket path that the system does not take is refused with its length")
    func longPath() throws {
        try LabFolder("/tmp/lab").checkSocketPaths()
        let folder = LabFolder("/tmp/" + String(repeating: "x", count: 100))
        let refusal = #expect(throws: Refusal.self) { try folder.checkSocketPaths() }
        #expect(refusal?.code == .socketPathTooLong)
        #expect(refusal?.message.contains("126 bytes") == true)
    }

    @Test("the folder is --lab, else the environment's, else .lab")
    func chosen() {
        #expect(LabFolder.chosen("/a", environment: ["HOMEWARD_LAB": "/b"]).path == "/a")
        #expect(LabFolder.chosen(nil, environment: ["HOMEWARD_LAB": "/b"]).path == "/b")
        #expect(LabFolder.chosen(nil, environment: [:]).path.hasSuffix("/.lab"))
    }

    @Test("a folder has one path, whether it is called through a link or not, and before it is made")
    func links() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("lab-\(UInt32.random(in: 0 ... .max))")
        let real = root.appendingPathComponent("real").path
        let link = root.appendingPathComponent("link").path
        try FileManager.default.createDirectory(atPath: real, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: root) }
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: real)
        #expect(LabFolder(link).path == LabFolder(real).path)
        #expect(LabFolder(link + "/").path == LabFolder(real).path)
        #expect(LabFolder(link + "/new/lab").path == LabFolder(real).path + "/new/lab")
        #expect(LabFolder(link + "/../real").path == LabFolder(real).path)
        #expect(LabFolder("/nowhere/at/../all").path == "/nowhere/all")
        #expect(LabFolder("/").path == "/")
    }

    @Test("host.lua names the host, its directory, address and peers, whatever the folder is called")
    func configuration() {
        let folder = LabFolder("/tmp/a \"b\"")
        let state = LabState(folder, id: lab, address: "127.1.2.3", volumeSize: 1, logSize: 1, bare: false)
        let text = folder.configurationText("london", state: state)
        #expect(text.contains(#"name = "london""#))
        #expect(text.contains(#"directory = "/tmp/a \"b\"/london""#))
        #expect(text.contains(#"listen = "127.1.2.3:7111""#))
        #expect(text.contains(#"peers = { seattle = "127.1.2.3:7110", tokyo = "127.1.2.3:7112" }"#))
    }

    @Test(
        "sizes take units, and are multiples of 4096",
        arguments: [("64M", 64 << 20), ("1g", 1 << 30), ("8192", 8192)]
    )
    func sizes(_ text: String, _ bytes: UInt64) {
        #expect(LabSize(argument: text)?.bytes == bytes)
        for wrong in ["", "0", "M", "-1M", "4097", "1T", "99999999999G"] { #expect(LabSize(argument: wrong) == nil) }
    }
}
