import HomewardAdministration
import HomewardCore
import HomewardRunbooks
import LuaHost
import Testing

@Suite("Answers as tables", .timeLimit(.minutes(1)))
struct AnswerTablesTests {
    private func at(_ value: LuaValue, _ path: String) -> LuaValue { value.at(path) }

    @Test("status tells hosts, links and errors in the words of the manual")
    func status() throws {
        let request = Request.describe(diskGroup: "hrdg", rvgs: ["hr_rvg"])
        let status = try AnswerTables.value(.rds([Samples.rds]), to: request)
        #expect(at(status, "rvg") == .text("hr_rvg"))
        #expect(at(status, "dg") == .text("hrdg"))
        #expect(at(status, "primary") == .text("london"))
        #expect(at(status, "hosts.1.name") == .text("london"))
        #expect(at(status, "hosts.1.role") == .text("primary"))
        #expect(at(status, "hosts.1.state") == .text("enabled"))
        #expect(at(status, "hosts.1.position") == .text("1.7"))
        #expect(at(status, "hosts.1.log.size") == .integer(1 << 27))
        #expect(at(status, "hosts.1.log.used") == .integer(4096))
        #expect(at(status, "hosts.1.open_by.1.volume") == .text("hr_dv01"))
        #expect(at(status, "hosts.1.open_by.1.label") == .text("nbd: qemu-io (pid 4711)"))
        #expect(at(status, "hosts.2.reason") == .text("no answer"))
        #expect(at(status, "hosts.2.reachable") == .boolean(false))
        #expect(at(status, "links.1.secondary") == .text("seattle"))
        #expect(at(status, "links.1.data_status") == .text("behind"))
        #expect(at(status, "links.1.behind.updates") == .integer(5))
        #expect(at(status, "links.1.behind.bytes") == .integer(20480))
        #expect(at(status, "links.1.behind.seconds") == .number(1.5))
        #expect(at(status, "links.1.diverged") == .none)
        #expect(at(status, "config_errors.1.host") == .text("seattle"))
    }

    @Test("with two Primaries that answer none is named, whatever the answer says")
    func twoPrimaries() throws {
        var rds = Samples.rds
        rds.members[1].role = "primary"
        // What a host was that does not answer says nothing of who is Primary now.
        #expect(at(AnswerTables.value(rds), "primary") == .text("london"))
        rds.members[1].reachable = true
        let status = AnswerTables.value(rds)
        #expect(at(status, "primary") == .none)
        #expect(at(status, "config_errors.1.error") == .text("Primary-Primary configuration"))
    }

    @Test("data_status is one of four words")
    func dataStatus() {
        for word in ["up-to-date", "behind", "inconsistent", "unknown"] {
            var link = Samples.link
            link.dataStatus = word
            #expect(at(AnswerTables.value(link), "data_status") == .text(word))
        }
        var link = Samples.link
        link.dataStatus = "rejoicing"
        #expect(at(AnswerTables.value(link), "data_status") == .text("unknown"))
    }

    @Test("one RDS that was asked for is a table, all are a list; none and several of a name are refused")
    func shapes() throws {
        let all = try AnswerTables.value(.rds([Samples.rds]), to: .describe(diskGroup: nil, rvgs: []))
        #expect(at(all, "1.rvg") == .text("hr_rvg"))
        let one = Request.describe(diskGroup: nil, rvgs: ["hr_rvg"])
        let none = #expect(throws: LuaError.self) { try AnswerTables.value(.rds([]), to: one) }
        #expect(none?.code == LuaError.Code(.unknownRVG))
        let two = #expect(throws: LuaError.self) { try AnswerTables.value(.rds([Samples.rds, Samples.rds]), to: one) }
        #expect(two?.code == LuaError.Code(.ambiguous))
    }

    @Test("a synchronization has the sums of its volumes, for each Secondary and for all")
    func synchronization() throws {
        let report = SynchronizationReport(
            secondary: "seattle",
            checkpoint: "c1",
            already: false,
            volumes: [
                .init(volume: "a", size: 100, compared: 100, differing: 40, sent: 30),
                .init(volume: "b", size: 50, compared: 50, differing: 0, sent: 0),
            ],
            startID: UpdateID(3),
            endID: nil,
            seconds: 2,
            discarded: Samples.discarded,
            notes: ["kept"]
        )
        let value = AnswerTables.value([report, report])
        #expect(at(value, "bytes_compared") == .integer(300))
        #expect(at(value, "bytes_differing") == .integer(80))
        #expect(at(value, "bytes_sent") == .integer(60))
        #expect(at(value, "identical") == .boolean(false))
        #expect(at(value, "secondaries.2.bytes_sent") == .integer(30))
        #expect(at(value, "secondaries.1.start_id") == .text("0.3"))
        #expect(at(value, "secondaries.1.end_id") == .none)
        #expect(at(value, "secondaries.1.volumes.1.bytes_differing") == .integer(40))
        #expect(at(value, "secondaries.1.discarded.updates") == .integer(9))
        #expect(at(value, "secondaries.1.discarded.salvage_file") == .text("/srv/salvage"))
        #expect(at(value, "secondaries.1.discarded.ranges.1.offset") == .integer(8192))
    }

    @Test("a takeover tells what it kept; what is not known is left out")
    func takeover() {
        let report = TakeoverReport(
            epoch: 2,
            forkID: UpdateID(1 << 32),
            forkTime: 5,
            lastHeardID: nil,
            lostAtLeast: nil,
            oldPrimary: "seattle"
        )
        let value = AnswerTables.value(Outcome(summary: "done", takeover: report))
        #expect(at(value, "takeover.fork_id") == .text("1.0"))
        #expect(at(value, "takeover.fork_time") == .number(5))
        #expect(at(value, "takeover.lost_at_least") == .none)
        #expect(at(value, "already") == .boolean(false))
    }

    @Test("progress has the sums that a line of it needs")
    func progress() {
        let progress = Progress(
            phase: "compare",
            host: "seattle",
            volumes: [.init(volume: "a", size: 10, compared: 5, differing: 2, sent: 1)],
            secondsLeft: nil
        )
        let value = AnswerTables.value(progress)
        #expect(at(value, "bytes_total") == .integer(10))
        #expect(at(value, "bytes_compared") == .integer(5))
        #expect(at(value, "seconds_left") == .none)
    }

    @Test("numbers that Lua does not have are the nearest that it has")
    func large() {
        var volume = Samples.rds.members[0].volumes[0]
        volume.size = .max
        #expect(at(AnswerTables.value(volume), "size") == .integer(.max))
    }

    @Test("a refusal keeps all its fields")
    func refusal() {
        let refusal = Refusal(.unsentUpdates, "hrdg/hr_rvg", "7 updates", hint: "makesec -f", host: "seattle")
        let error = LuaError(refusal)
        #expect(error.code.rawValue == "unsent-updates")
        #expect(error.message == "7 updates")
        #expect(error.hint == "makesec -f")
        #expect(error.object == "hrdg/hr_rvg")
        #expect(error.host == "seattle")
    }
}

@Suite("JSON of scripts' values", .timeLimit(.minutes(1)))
struct LuaJSONTests {
    @Test("what is written is read back")
    func roundTrip() {
        let value = LuaValue.record([
            "text": .text("a \"b\" \\ \n \u{1} ü 🦉"), "list": .list([.integer(1), .boolean(false), .number(1.5)]),
            "inner": .record(["x": .integer(.min), "y": .integer(.max)]), "empty": .list([]),
        ])
        let text = LuaJSON.text(value)
        #expect(LuaJSON.value(text) == value, "\(text)")
        #expect(!text.contains("\n"))
    }

    @Test("what JSON does not have")
    func awkward() {
        #expect(LuaJSON.text(.list([.number(.infinity), .none, .function])) == "[null,null,null]")
        #expect(LuaJSON.text(.string([0x61, 0xFF])) == "\"a\u{FFFD}\"")
        #expect(LuaJSON.object(.list([])) == "{}")
        #expect(LuaJSON.object(.none) == "{}")
        #expect(LuaJSON.text(.number(3)) == "3.0")
        #expect(LuaJSON.text(.number(-3)) == "-3.0")
        // The least whole number has no positive counterpart.
        #expect(LuaJSON.text(.number(-0x1p63)) == "-9.223372036854776e+18")
        let mixed = LuaValue.table(LuaTable(array: [.integer(7)], fields: [.init(name: "a", value: .boolean(true))]))
        #expect(LuaJSON.text(mixed) == #"{"1":7,"a":true}"#)
        #expect(LuaJSON.text(.object(LuaObject("Host", ["name": .text("x")]))) == #"{"name":"x"}"#)
    }

    @Test("what is no JSON is nothing", arguments: ["", "{", "nope", "{\"a\":}"])
    func wrong(text: String) { #expect(LuaJSON.value(text) == nil) }

    @Test("null in an object is a field that is not there")
    func null() { #expect(LuaJSON.value(#"{"a":null,"b":1}"#) == .record(["b": .integer(1)])) }
}
