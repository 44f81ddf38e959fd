/// Functions that run several things, bound one in time, or wait.
///
/// A module takes them in.
public enum LuaConcurrency {
    /// `parallel`, `timeout`, `sleep`.
    public static func functions<Verb: Sendable>() -> [LuaFunction<Verb>] {
        [
            LuaFunction(
                "parallel",
                "Runs functions at the same time and returns their results in order.",
                details: """
                    Each may wait. The first error cancels the others, waits until they have ended, and is raised. \
                    Of each function the first result is returned.
                    """,
                [LuaParameter("functions", .array(.function), "What to run.")],
                returns: .any,
                "the first result of each function, in their order",
                body: .lua(parallel)
            ),
            LuaFunction(
                "timeout",
                "Runs a function for at most so many seconds and returns its results.",
                details: "When the time is over it is cancelled, its end is awaited, and `timed-out` is raised.",
                [
                    LuaParameter("seconds", .number, "How long it may take."),
                    LuaParameter("f", .function, "What to run."),
                ],
                returns: .any,
                "what the function returns",
                body: .lua(timeout)
            ),
            LuaFunction(
                "sleep",
                "Waits so many seconds.",
                [LuaParameter("seconds", .number, "How long; 0 lets others run.")],
                body: .lua("function(seconds) native.sleep(seconds) end")
            ),
        ]
    }

    /// Each function tells itself that it failed: asking all of them after each end would cost the more for each the more
    /// there are.
    private static let parallel = #"""
        function(functions)
          local fibers, results, failed = {}, {}, nil
          local guard <close> = native.guard(fibers)
          local function fail(position)
            if failed then return end
            failed = position
            for other, fiber in ipairs(fibers) do
              if other ~= position then native.cancel(fiber) end
            end
          end
          local ending = { __close = function(self) if not self.done then fail(self.position) end end }
          local function run(position, f)
            local own <close> = setmetatable({ position = position }, ending)
            local result = f()
            -- An error may be nil, and tells nothing then.
            own.done = true
            return result
          end
          for position, f in ipairs(functions) do fibers[position] = native.spawn(run, position, f) end
          for position, fiber in ipairs(fibers) do
            native.wait({ fiber })
            if native.outcome(fiber) ~= "done" then
              fail(position)
            elseif not failed then
              results[position] = native.results(fiber)
            end
          end
          if failed then native.results(fibers[failed]) end
          return table.unpack(results, 1, #functions)
        end
        """#

    private static let timeout = #"""
        function(seconds, f)
          local fiber = native.spawn(f)
          local guard <close> = native.guard({ fiber })
          if not native.wait({ fiber }, seconds) then
            native.cancel(fiber)
            native.wait({ fiber })
            native.raise{
              code = "timed-out",
              message = string.format("not done after %g seconds", seconds),
              hint = "allow more time, or look at what it waits for",
            }
          end
          return native.results(fiber)
        end
        """#
}
