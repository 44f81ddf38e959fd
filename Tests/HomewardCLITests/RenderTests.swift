import HomewardAdministration
import HomewardCLI
import HomewardCore
import Testing

@Suite(.timeLimit(.minutes(1)))
struct RenderTests {
    static let alder = Samples.member(
        "alder",
        "primary",
        local: true,
        links: [
            Samples.link("birch", kstate: "DETACHED", state: "STALE", settings: LinkSettings(synchronous: .override))
        ]
    )
    static let behind = LinkSettings(srlprot: .autodcm, bandwidthLimit: 2_500_000)

    @Test("printrvg prints in VVR's layout")
    func printrvg() async {
        let rds = Samples.rds([Self.alder, Samples.member("birch", "secondary", links: [])], primary: "alder")
        let run = await run("vradmin printrvg", FakeHandler([.success(.rds([rds]))]))
        #expect(
            run.out == """
                Replicated Data Set: pay_rvg
                Primary:
                        HostName: alder  <localhost>
                        RvgName: pay_rvg
                        DgName: paydg
                Secondary:
                        HostName: birch
                        RvgName: pay_rvg
                        DgName: paydg
                """
        )
    }

    @Test("printrvg -l adds counts, links and configuration errors")
    func printrvgLong() async {
        let rds = Samples.rds(
            [Self.alder],
            primary: nil,
            errors: [ConfigError(host: "birch", error: "Primary-Primary configuration")]
        )
        let run = await run("vradmin -l printrvg", FakeHandler([.success(.rds([rds]))]))
        #expect(
            run.out == """
                Replicated Data Set: pay_rvg
                Primary:
                        HostName: alder  <localhost>
                        RvgName: pay_rvg
                        DgName: paydg
                        datavol_cnt: 3
                        vset_cnt: 0
                        srl: pay_srl
                        RLinks:
                            name=rlk_birch_pay_rvg, detached=on, synchronous=override
                Config Errors:
                        birch: Primary-Primary configuration
                """
        )
    }

    @Test("repstatus -l prints in VVR's layout")
    func repstatusLong() async {
        let link = Samples.link(
            "alder",
            status: "behind",
            updates: 214,
            bytes: 3_505_000,
            seconds: 3,
            percent: 0.6,
            settings: Self.behind
        )
        let rds = Samples.rds(
            [
                Samples.member("birch", "primary", local: true, links: [link]),
                Samples.member("alder", "secondary", links: [Samples.link("birch")]),
            ],
            primary: "birch"
        )
        let run = await run("vradmin -l repstatus pay_rvg", FakeHandler([.success(.rds([rds]))]))
        #expect(
            run.out == """
                Replicated Data Set: pay_rvg
                Primary:
                  Host name:                  birch
                  RVG name:                   pay_rvg
                  DG name:                    paydg
                  RVG state:                  enabled for I/O
                  Data volumes:               3
                  SRL name:                   pay_srl
                  SRL size:                   2.00 GB
                  Total secondaries:          1

                Secondary:
                  Host name:                  alder
                  RVG name:                   pay_rvg
                  DG name:                    paydg
                  Rlink from Primary:         rlk_alder_pay_rvg
                  Rlink to Primary:           rlk_birch_pay_rvg
                  Configured mode:            asynchronous
                  Latency protection:         off
                  SRL protection:             autodcm
                  Data status:                consistent, behind
                  Replication status:         replicating (connected)
                  Current mode:               asynchronous
                  Logging to:                 SRL (3423 Kbytes behind, 1% full)
                  Timestamp Information:      behind by 0h 0m 3s
                  Bandwidth Limit:            20.00 Mbps
                """
        )
    }

    @Test("repstatus shows the age of what an unreachable host is shown with")
    func repstatusAge() async {
        let link = Samples.link(
            "alder",
            kstate: "DETACHED",
            state: "STALE",
            status: "inconsistent",
            replication: "stopped (primary detached)"
        )
        let rds = Samples.rds(
            [
                Samples.member("birch", "primary", state: "fenced", reason: "tokyo does not answer", links: [link]),
                Samples.member("alder", "secondary", reachable: false, age: 95, links: []),
            ],
            primary: "birch"
        )
        let run = await run("vradmin repstatus pay_rvg", FakeHandler([.success(.rds([rds]))]))
        #expect(run.out.contains("  RVG state:                  fenced (tokyo does not answer)\n"))
        #expect(run.out.contains("  Host name:                  alder  (unreachable; as of 0h 1m 35s ago)\n"))
        #expect(run.out.contains("  Data status:                inconsistent\n"))
        #expect(run.out.contains("  Logging to:                 N/A\n"))
    }

    @Test(
        "vxrlink status is one line for each situation",
        arguments: [
            (
                Samples.link("birch", status: "behind", updates: 214, bytes: 3424 * 1024, percent: 1), "",
                "rlk_birch_pay_rvg: 214 writes outstanding, 3424 Kbytes, 1% of SRL"
            ),
            (Samples.link("birch"), "-T", "rlk_birch_pay_rvg: up to date, 0h 0m 0s behind"),
            (Samples.link("birch", kstate: "DETACHED", state: "STALE"), "", "rlk_birch_pay_rvg: detached (STALE)"),
            (
                Samples.link("birch", kstate: "ENABLED", updates: 1, bytes: 1, reason: "refused", until: 7), "",
                "rlk_birch_pay_rvg: 1 write outstanding, 1 Kbytes, 0% of SRL, inconsistent for 7 more updates,"
                    + " not connected: refused"
            ),
        ]
    )
    func linkStatus(_ link: LinkDescription, _ options: String, _ expected: String) async {
        let run = await run("vxrlink \(options) status rlk_birch_pay_rvg", FakeHandler([.success(.link(link))]))
        #expect(run.out == expected)
    }

    @Test("vxrlink updates -T prints in VVR's layout")
    func updates() async {
        let updates = UpdatesDescription(
            rlink: "r",
            secondaryID: UpdateID(21 << 32 + 104733),
            secondaryTime: 1_772_511_112,
            primaryID: UpdateID(21 << 32 + 104801),
            primaryTime: 1_772_511_115
        )
        let run = await run("vxrlink -T updates r", FakeHandler([.success(.updates(updates))]))
        #expect(
            run.out == """
                        Secondary        Primary          Behind by
                ID      21.104733        21.104801        68
                Time    Mar 03 04:11:52  Mar 03 04:11:55  00:00:03
                """
        )
    }

    @Test("cplist says how much log each checkpoint holds and whether it is of use")
    func checkpoints() async {
        let list = [
            CheckpointDescription(
                name: "a8",
                state: "completed",
                bytes: 10 << 20,
                percent: 9,
                startID: UpdateID(1),
                endID: UpdateID(2)
            ),
            CheckpointDescription(
                name: "old",
                state: "overflowed",
                bytes: 0,
                percent: 100,
                startID: UpdateID(1),
                endID: nil
            ),
        ]
        let run = await run("vxrvg cplist r", FakeHandler([.success(.checkpoints(list))]))
        #expect(
            run.out == """
                Name    MBytes    % Log    Started/Completed
                ----    ------    -----    -----------------
                a8      10.0      9        Completed
                old     0.0       100      Overflowed
                """
        )
    }

    static func report(differing: UInt64, checkpoint: String?) -> SynchronizationReport {
        SynchronizationReport(
            secondary: "alder",
            checkpoint: checkpoint,
            already: false,
            volumes: [
                .init(volume: "pay_dv01", size: 512 << 20, compared: 512 << 20, differing: 0, sent: 0),
                .init(volume: "pay_dv02", size: 2 << 30, compared: 2 << 30, differing: differing, sent: differing),
            ],
            startID: UpdateID(21 << 32 + 104801),
            endID: UpdateID(21 << 32 + 105590),
            seconds: 1,
            discarded: nil,
            notes: []
        )
    }

    @Test("syncrvg ends with VVR's table")
    func synchronized() async {
        let answer = Answer.synchronized([Self.report(differing: 40 << 20, checkpoint: "fbcp")])
        let run = await run("vradmin -c fbcp syncrvg pay_rvg alder", FakeHandler([.success(answer)]))
        #expect(
            run.out == """
                SYNC pay_rvg -> alder  checkpoint fbcp started at 21.104801
                volume     size       compared  different  sent        done
                pay_dv01   512 MiB    100%      0.0%       0 B         yes
                pay_dv02   2.0 GiB    100%      2.0%       40 MiB      yes
                SYNC complete, checkpoint fbcp ended at 21.105590
                """
        )
    }

    @Test("-verify prints VVR's table, and ends with 1 only when something differs")
    func verified() async {
        let differing = Answer.synchronized([Self.report(differing: 12 * 4096, checkpoint: nil)])
        let bad = await run("vradmin -verify syncrvg pay_rvg alder", FakeHandler([.success(differing)]))
        #expect(
            bad.out == """
                volume    remote          blocks  differing  verdict
                pay_dv01  alder:pay_dv01  131072  0          identical
                pay_dv02  alder:pay_dv02  524288  12         DIFFERENT
                alder:pay_dv02 differs in 48 Kbytes
                total: 48 Kbytes differ
                """
        )
        #expect(bad.code == 1 && bad.notes.contains("[volumes-differ]"))
        #expect(bad.notes.contains("vradmin stoprep pay_rvg alder; then vradmin -c NAME syncrvg pay_rvg alder; then"))
        let json = await run("vradmin --json -verify syncrvg pay_rvg alder", FakeHandler([.success(differing)]))
        #expect(json.code == 1 && json.out.hasPrefix(#"{"error":{"code":"volumes-differ""#) && json.out.hasSuffix("]}"))
        let same = Answer.synchronized([Self.report(differing: 0, checkpoint: nil)])
        let good = await run("vradmin -verify syncrvg pay_rvg alder", FakeHandler([.success(same)]))
        #expect(good.code == 0)
    }

    @Test("vol sum is a line of sha256sum on stdout, its position a note")
    func sum() async {
        let sum = VolumeSum(host: "alder", volume: "pay_dv01", size: 4096, sha256: "abc0", position: UpdateID(7))
        let run = await run("vol sum paydg/pay_dv01", FakeHandler([.success(.sum(sum))]))
        #expect(run.out == "abc0  paydg/pay_dv01")
        #expect(run.notes == "paydg/pay_dv01 on alder: 4.0 KiB, at update 0.7")
    }

    @Test("vol list is a table")
    func volumes() async {
        let volumes = [
            Samples.volume("pay_dv01", open: [SessionHolder(process: 1, label: "nbd: qemu (pid 1)")]),
            Samples.volume("pay_srl", isLog: true),
        ]
        let run = await run("vol list", FakeHandler([.success(.volumes(volumes))]))
        #expect(
            run.out == """
                VOLUME          SIZE     RVG      USE   OPEN BY            PATH
                paydg/pay_dv01  512 MiB  pay_rvg  data  nbd: qemu (pid 1)  /v/pay_dv01
                paydg/pay_srl   512 MiB  pay_rvg  log   -                  /v/pay_srl
                """
        )
    }

    @Test("a takeover reports the fork and the loss, a makesec what was given up")
    func outcomes() async {
        let takeover = Outcome(
            summary: "pay_rvg is Primary on birch",
            discarded: DiscardedUpdates(
                host: "alder",
                updates: 2,
                kept: 2,
                bytes: 8192,
                firstID: UpdateID(10),
                lastID: UpdateID(11),
                firstTime: 0,
                lastTime: 1,
                ranges: [VolumeRange(volume: "pay_dv01", offset: 4096, length: 8192)],
                rangesLeftOff: 2,
                salvageFile: "/s"
            ),
            takeover: TakeoverReport(
                epoch: 2,
                forkID: UpdateID(9),
                forkTime: nil,
                lastHeardID: UpdateID(12),
                lostAtLeast: 3,
                oldPrimary: "alder"
            )
        )
        let run = await run("vradmin -N takeover pay_rvg", FakeHandler([.success(.done(takeover))]))
        #expect(
            run.out == """
                pay_rvg is Primary on birch
                epoch 2; last update kept: 0.9
                last update known of alder: 0.12
                lost: at least 3 updates
                2 updates of alder given up (8.0 KiB, 0.10 to 0.11, Jan 01 00:00:00 to Jan 01 00:00:01 UTC)
                  pay_dv01: 8.0 KiB at 4096
                  and 2 more ranges
                kept in /s
                """
        )
    }

    @Test("status shows the host, its peers, and for each RVG its hosts")
    func status() async {
        let link = Samples.link("alder", status: "behind", updates: 2, bytes: 2048)
        let own = Samples.member("birch", "primary", local: true, links: [link], activity: ["syncrvg of tokyo runs"])
        // A host describes only its own part of an RDS; the others are asked for beside it.
        let host = Samples.host("birch", [own], primary: "birch")
        let whole = Samples.host("birch", [own, Samples.member("alder", "secondary", links: [])], primary: "birch")
        let handler = FakeHandler([.success(.host(host)), .success(.rds(whole.rvgs))])
        let run = await run("status", handler)
        #expect(handler.asked == [.hostStatus, .describe(diskGroup: nil, rvgs: [])])
        #expect(
            run.out == """
                birch  homeward 0.1, process 4711
                  peer alder at 127.0.0.1:2: not connected (refused)

                RVG pay_rvg  primary birch
                  HOST   ROLE       STATE    DATA                BEHIND              LINK
                  birch  primary    enabled  -                   -                   -
                  alder  secondary  enabled  consistent, behind  2 updates, 2.0 KiB  CONNECT/ACTIVE
                  birch: syncrvg of tokyo runs
                """
        )
    }

    @Test("status names who has a volume open, and what to type where two hosts are Primary")
    func statusOfTwoPrimaries() async {
        var birch = Samples.member("birch", "primary", local: true, links: [])
        birch.volumes[1].openBy = [SessionHolder(process: 12, label: "nbd: qemu (pid 12)")]
        var alder = Samples.member("alder", "primary", state: "fenced", reason: "birch took over", links: [])
        alder.diskGroup = "otherdg"
        let errors = [ConfigError(host: "alder", error: "Primary-Primary configuration")]
        var host = Samples.host("birch", [])
        host.rvgs = [Samples.rds([alder, birch], primary: nil, errors: errors)]
        let handler = FakeHandler([.success(.host(host)), .success(.rds(host.rvgs))])
        let run = await run("status", handler)
        #expect(
            run.out.hasSuffix(
                """
                  alder: birch took over
                  birch: pay_dv02 is open by nbd: qemu (pid 12)
                  config error: alder: Primary-Primary configuration
                  the way out: vradmin -g otherdg makesec pay_rvg birch --host alder
                """
            )
        )
    }

    @Test("names of volumes and links are those of the answering host")
    func names() async {
        let rds = Samples.rds(
            [Self.alder, Samples.member("birch", "secondary", links: [Samples.link("alder")])],
            primary: "alder"
        )
        #expect(
            await run("vxrvg getdatavols r", FakeHandler([.success(.rds([rds]))])).out == "pay_dv01 pay_dv02 pay_dv03"
        )
        #expect(
            await run("vxrvg -1 getdatavols r", FakeHandler([.success(.rds([rds]))])).out
                == "pay_dv01\npay_dv02\npay_dv03"
        )
        #expect(await run("vxrvg getrlinks r", FakeHandler([.success(.rds([rds]))])).out == "rlk_birch_pay_rvg")
    }

    @Test("JSON has sorted keys, null for what is nil, and whole numbers")
    func json() async {
        let sum = VolumeSum(host: "a\"b\n", volume: "v", size: .max, sha256: "00", position: nil)
        let run = await run("--json vol sum d/v", FakeHandler([.success(.sum(sum))]))
        #expect(
            run.out == #"{"host":"a\"b\n","position":null,"sha256":"00","size":18446744073709551615,"volume":"v"}"#
        )
        let empty = await CommandLineRun.json(.checkpoints([]))
        #expect(empty == "[]")
        let outcome = await CommandLineRun.json(.done(Outcome(summary: "s", notes: ["n"])))
        #expect(outcome == #"{"already":false,"discarded":null,"notes":["n"],"summary":"s","takeover":null}"#)
    }

    private enum CommandLineRun {
        static func json(_ answer: Answer) async -> String {
            await run("dg create hrdg --json", FakeHandler([.success(answer)])).out
        }
    }
}
