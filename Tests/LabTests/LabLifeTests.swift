import Foundation
import HomewardAdministration
import HomewardCLI
import HomewardCore
import Synchronization
import Testing

/// The lab's life, with processes that are real and daemons that are not: stand-ins that live until they are ended.
@Suite(.timeLimit(.minutes(2)))
struct LabLifeTests {
    private func code(_ body: () async throws -> Void) async -> RefusalCode? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? Refusal)?.code
        }
    }

    @Test("up, crash, restart and down leave the states that status tells")
    func life() async throws {
        let stage = try LabStage()
        let lab = stage.lab
        #expect(await code { _ = try await lab.status() } == .labNotRunning)
        #expect(await code { _ = try await lab.down(erase: false) } == .labNotRunning)
        try await stage.up()
        #expect(try await lab.status().hosts.map(\.state) == [.running, .running, .running])
        #expect(try await lab.status().hosts.map(\.role) == ["primary", "secondary", "secondary"])
        #expect(await code { _ = try await lab.up(LabPlan()) } == .labRunning)

        _ = try await lab.crash("seattle")
        let crashed = try await lab.status().hosts[0]
        #expect(crashed.state == .crashed)
        #expect(crashed.pid == nil)
        #expect(crashed.role == "none")
        #expect(await code { _ = try await lab.crash("seattle") } == .labHostState)
        #expect(await code { _ = try await lab.crash("paris") } == .unknownHost)
        _ = try await lab.restart("seattle")
        #expect(try await lab.status().hosts[0].state == .running)
    }

    @Test("a lab that was brought down is started again as it was, and erased only when told so")
    func downAndUp() async throws {
        let stage = try LabStage()
        let lab = stage.lab
        try await stage.up()
        let id = try LabState.load(stage.folder)?.id
        _ = try await lab.crash("tokyo")
        #expect(try await !lab.down(erase: false).already)
        #expect(try await lab.status().hosts.map(\.state) == [.stopped, .stopped, .crashed])
        #expect(try await lab.down(erase: false).already)
        let again = try await lab.up(LabPlan())
        #expect(again.already)
        #expect(try LabState.load(stage.folder)?.id == id)
        #expect(try await lab.status().hosts.map(\.state) == [.running, .running, .running])
        _ = try await lab.down(erase: true)
        #expect(await code { _ = try await lab.status() } == .labNotRunning)
        #expect(!FileManager.default.fileExists(atPath: stage.folder.host("seattle")))
    }

    @Test("a half-made lab that runs is left alone, and made anew when nothing of it runs")
    func halfMade() async throws {
        let stage = try LabStage()
        try await stage.up()
        var state = try #require(try LabState.load(stage.folder))
        let old = try #require(LabProcess.running(stage.folder, "london"))
        let stranger = stage.folder.path + "/notes.txt"
        try Data("mine".utf8).write(to: URL(fileURLWithPath: stranger))
        state.ready = false
        try state.save(stage.folder)
        let kept = stage.folder.volume("hr_dv01", of: "london")
        try Data("data".utf8).write(to: URL(fileURLWithPath: kept))
        try Data("noted".utf8).write(to: URL(fileURLWithPath: stage.folder.notesFile))
        #expect(await code { _ = try await stage.lab.up(LabPlan()) } == .labRunning)
        #expect(old.isAlive)
        #expect(FileManager.default.fileExists(atPath: kept))

        for host in LabFolder.hostNames { try LabProcess.running(stage.folder, host)?.end(orderly: false) }
        let report = try await stage.lab.up(LabPlan())
        #expect(!FileManager.default.fileExists(atPath: kept))
        #expect(!FileManager.default.fileExists(atPath: stage.folder.notesFile))
        #expect(!report.already)
        #expect(!old.isAlive)
        #expect(try LabState.load(stage.folder)?.id != state.id)
        #expect(FileManager.default.fileExists(atPath: stranger))
    }

    @Test("a lab is ready once it is set up, also when `lab up` does not live to see its hosts up-to-date")
    func interruptedWait() async throws {
        let stage = try LabStage()
        stage.world.change("tokyo") { $0.role = "none" }
        let lab = stage.lab
        let waiting = Task { _ = try await lab.up(LabPlan()) }
        // The bound of the test ends a wait that has no end.
        while try LabState.load(lab.folder)?.ready != true { try await Task.sleep(for: .milliseconds(5)) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(try await lab.up(LabPlan()).already)
    }

    @Test("a folder that is not a lab's and has a host's name is refused and left alone")
    func stranger() async throws {
        let stage = try LabStage()
        let path = stage.folder.path + "/tokyo"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        #expect(await code { _ = try await stage.lab.up(LabPlan()) } == .nameInUse)
        #expect(FileManager.default.fileExists(atPath: path))
        #expect(!FileManager.default.fileExists(atPath: stage.folder.stateFile))
    }

    @Test("a copy of a lab's folder works on nothing of the lab that it was copied from, and can be erased")
    func copied() async throws {
        let stage = try LabStage()
        try await stage.up()
        _ = try await stage.lab.down(erase: false)
        let folder = LabFolder(stage.folder.path + "-copy")
        try FileManager.default.copyItem(atPath: stage.folder.path, toPath: folder.path)
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        let copy = Lab(folder: folder, doors: stage.world, executable: stage.lab.executable)
        let refusal = await #expect(throws: Refusal.self) { try await copy.up(LabPlan()) }
        #expect(refusal?.code == .labMoved && refusal?.hint.contains(stage.folder.path) == true)
        #expect(await code { _ = try await copy.status() } == .labMoved)
        #expect(await code { _ = try await copy.down(erase: false) } == .labMoved)
        let place = ClientPlace.lab(directory: folder.path, host: "london")
        #expect(await code { _ = try await Connector().connect(place, reach: .local, object: "o") } == .labMoved)
        #expect(LabFolder.hostNames.allSatisfy { LabProcess.running(folder, $0) == nil })

        #expect(await code { try await copy.get("hr_dv01", from: "london", to: 1) } == .labMoved)

        // The files of the original lie below this folder, and are not of it.
        let above = LabFolder((stage.folder.path as NSString).deletingLastPathComponent)
        try FileManager.default.copyItem(atPath: stage.folder.stateFile, toPath: above.stateFile)
        #expect(await code { _ = try await Lab(folder: above).status() } == .labMoved)

        _ = try await copy.down(erase: true)
        #expect(!FileManager.default.fileExists(atPath: folder.host("seattle")))
        #expect(try await stage.lab.up(LabPlan()).already)
        _ = try await stage.lab.down(erase: false)

        // With a link where it was, a moved folder is the same.
        let moved = LabFolder(stage.folder.path + "-moved")
        try FileManager.default.moveItem(atPath: stage.folder.path, toPath: moved.path)
        try FileManager.default.createSymbolicLink(atPath: stage.folder.path, withDestinationPath: moved.path)
        #expect(try await Lab(folder: moved).status().hosts.count == 3)
    }

    @Test("a lab whose record is damaged is erased when told so, and a folder without a record never")
    func damagedRecord() async throws {
        let stage = try LabStage()
        let lab = stage.lab
        try await stage.up()
        _ = try await lab.down(erase: false)
        try Data("{".utf8).write(to: URL(fileURLWithPath: stage.folder.stateFile))
        let refusal = await #expect(throws: Refusal.self) { try await lab.up(LabPlan()) }
        #expect(refusal?.code == .badFormat && refusal?.hint.contains("homeward lab down --erase") == true)
        #expect(await code { _ = try await lab.down(erase: false) } == .badFormat)
        _ = try await lab.down(erase: true)
        #expect(!FileManager.default.fileExists(atPath: stage.folder.host("seattle")))
        #expect(try await !lab.up(LabPlan()).already)
        for host in LabFolder.hostNames { try LabProcess.running(stage.folder, host)?.end(orderly: false) }
        try FileManager.default.removeItem(atPath: stage.folder.stateFile)
        #expect(await code { _ = try await lab.down(erase: true) } == .labNotRunning)
        #expect(FileManager.default.fileExists(atPath: stage.folder.host("seattle")))
    }

    @Test("partitions are on both sides, reach a host that was down when it starts, and heal lifts them")
    func partitions() async throws {
        let stage = try LabStage()
        let lab = stage.lab
        try await stage.up()
        _ = try await lab.crash("tokyo")
        let report = try await lab.partition("tokyo", "london")
        #expect(report.notes.count == 1)
        #expect(stage.world.host("london").blocked == ["tokyo"])
        #expect(stage.world.host("tokyo").blocked.isEmpty)
        #expect(try await lab.status().partitions == [["london", "tokyo"]])
        _ = try await lab.restart("tokyo")
        #expect(stage.world.host("tokyo").blocked == ["london"])
        #expect(try await lab.partition("london", "tokyo").already)
        _ = try await lab.heal()
        #expect(stage.world.host("london").blocked.isEmpty)
        #expect(stage.world.host("tokyo").blocked.isEmpty)
        #expect(try await lab.heal().already)
    }

    @Test("a process that is not the recorded one is never taken for a daemon")
    func identity() async throws {
        let stage = try LabStage()
        try await stage.up()
        let process = try #require(LabProcess.running(stage.folder, "seattle"))
        let record = "\(process.id) \(process.startTime + 1)\n"
        try Data(record.utf8).write(to: URL(fileURLWithPath: stage.folder.processFile("seattle")))
        #expect(LabProcess.running(stage.folder, "seattle") == nil)
        let own = LabProcess(id: getpid(), startTime: process.startTime, mark: process.mark)
        #expect(!own.isAlive)
        #expect(!own.signal(0))
        try process.end(orderly: false)
        #expect(!process.isAlive)
    }

    @Test("a program that cannot be started is refused, and leaves nothing running")
    func noProgram() async throws {
        let stage = try LabStage()
        let lab = Lab(folder: stage.folder, doors: stage.world, executable: "/nowhere/homeward")
        #expect(await code { _ = try await lab.up(LabPlan()) } == .ioError)
        #expect(LabFolder.hostNames.allSatisfy { LabProcess.running(stage.folder, $0) == nil })
    }

    @Test("start times are read behind names with spaces and parentheses")
    func statLine() {
        let stat = "42 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 777 20 21"
        #expect(LabProcess.stateAndStartTime(stat)?.startTime == 777)
        #expect(LabProcess.stateAndStartTime(stat)?.state == "S")
        #expect(LabProcess.stateAndStartTime("42 nothing") == nil)
    }

    // MARK: Load and check

    @Test("a load that ends and a check of it pass, and the next load goes on with the numbers")
    func loadAndCheck() async throws {
        let stage = try LabStage()
        try await stage.up()
        #expect(try await stage.lab.check().passed, "a lab never loaded passes")
        let first = try await stage.lab.load(seconds: 0.05)
        #expect(first.first == 1)
        #expect(first.lastFlushed == first.last)
        let report = try await stage.lab.check()
        #expect(report.findings.isEmpty)
        #expect(report.newest == ["seattle": first.last, "london": first.last, "tokyo": first.last])
        let second = try await stage.lab.load(seconds: 0.01, rate: 200)
        #expect(second.first == first.last + 1)
        #expect(try await stage.lab.check().passed)
    }

    @Test("a load whose Primary dies is refused with its notes kept, and what they say is proven after the takeover")
    func failover() async throws {
        let stage = try LabStage()
        let world = stage.world
        try await stage.up()
        _ = try await stage.lab.load(seconds: 0.02)
        world.change("tokyo") { $0.cut = true }
        world.writesLeft.withLock { $0 = 1000 }
        #expect(await code { _ = try await stage.lab.load(seconds: 60) } == .labHostState)
        let flushed = LabRun.collect(try LabNotes.read(stage.folder.notesFile).notes).last?.flushes.last?.number
        #expect(flushed != nil)
        _ = try await stage.lab.crash("seattle")
        world.writesLeft.withLock { $0 = .max }
        world.takeover("london")
        let after = try await stage.lab.load(seconds: 0.02)
        #expect(after.primary == "london")
        #expect(try await stage.lab.check().findings.isEmpty)
    }

    @Test("a load that holds the volumes open ends with the Primary, and only then")
    func hold() async throws {
        let stage = try LabStage()
        try await stage.up()
        let lab = stage.lab
        let held = Task { try await lab.load(seconds: 0.01, hold: true) }
        while !(try LabNotes.read(stage.folder.notesFile).notes.contains { $0.kind == .end }) {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(await code { _ = try await lab.check() } == .labHostState, "the application runs")
        stage.world.change("seattle") { $0.isAlive = false }
        #expect(await code { _ = try await held.value } == .labHostState)
    }

    @Test("what a lagging Secondary lost by its takeover is noted as a gap and passes; its return is found")
    func lossAndReturn() async throws {
        let stage = try LabStage()
        let world = stage.world
        try await stage.up()
        _ = try await stage.lab.load(seconds: 0.02)
        world.change("london") { $0.cut = true }
        world.change("tokyo") { $0.cut = true }
        _ = try await stage.lab.load(seconds: 0.02)
        let lost = world.host("seattle")
        _ = try await stage.lab.crash("seattle")
        world.takeover("london")
        world.follow("tokyo", "london")
        let after = try await stage.lab.load(seconds: 0.001, rate: 10)
        #expect(after.notes.count == 1, "the gap is told")
        #expect(try await stage.lab.check().findings.isEmpty)
        // The bytes of the old reign, under the new one's history.
        world.change("london") { $0.volumes = lost.volumes }
        #expect(try await stage.lab.check().findings.contains { $0.contains("come back") })
    }

    @Test("a flushed record that vanishes from the Primary is found")
    func vanished() async throws {
        let stage = try LabStage()
        try await stage.up()
        let report = try await stage.lab.load(seconds: 0.02)
        let layout = try #require(LabLayout(sizes: [128 << 10, 128 << 10]))
        let offset = Int(layout.offset(of: report.last))
        let volume = layout.volume(of: report.last)
        stage.world.change("seattle") { host in
            for index in offset..<offset + 4096 { host.volumes[volume][index] = 0 }
        }
        let found = try await stage.lab.check()
        #expect(!found.passed)
        #expect(found.findings.first?.contains("was flushed") == true)
    }

    @Test("the commands answer wrong words with 2, refusals with 1, and help with 0")
    func exitCodes() async {
        #expect(await labCommand(arguments: ["status", "--lab=/nowhere/at/all"]) == 1)
        #expect(await labCommand(arguments: ["crash"]) == 2)
        #expect(await labCommand(arguments: ["load", "--seconds=-1"]) == 2)
        #expect(await labCommand(arguments: ["up", "--volume-size", "5"]) == 2)
    }

    @Test("times and rates that no duration holds are wrong words")
    func numbers() async {
        for number in ["0", "nan", "inf", "1e10", "1e21"] {
            let line = ["load", "--seconds=\(number)", "--lab=/nowhere/at/all"]
            #expect(await labCommand(arguments: line) == 2, "\(line)")
        }
        for number in ["0", "-1", "nan", "inf", "1e-25", "1e10"] {
            let line = ["load", "--rate=\(number)", "--lab=/nowhere/at/all"]
            #expect(await labCommand(arguments: line) == 2, "\(line)")
        }
        for number in ["-1", "nan", "inf", "1e21"] {
            let line = ["wait", "london", "--seconds=\(number)", "--lab=/nowhere/at/all"]
            #expect(await labCommand(arguments: line) == 2, "\(line)")
        }
        for line in [["load", "--seconds=1e9", "--rate=1e-6"], ["wait", "london", "--seconds=0"]] {
            #expect(await labCommand(arguments: line + ["--lab=/nowhere/at/all"]) == 1, "\(line)")
        }
    }
}
