// Runs an SCXML file in SCION. A command is a line of JSON on standard input, and so is each answer:
//   {"event": name, "data": …}   an external event
//   {"advance": milliseconds}    the clock, by which delayed sends come
// An answer has "states", and since the last command "logged" (what <log> wrote) and "posts": what
// <send> gave to the HTTP processor, which SCION leaves to its host.
"use strict";
const readline = require("readline");

const delayed = [];
let now = 0;
let number = 0;
global.setTimeout = (run, milliseconds) => {
  delayed.push({ id: ++number, at: now + Number(milliseconds || 0), run });
  return number;
};
global.clearTimeout = (id) => {
  const place = delayed.findIndex((one) => one.id === id);
  if (place >= 0) delayed.splice(place, 1);
};

const scxml = require("@scion-scxml/scxml");
const HTTP = "http://www.w3.org/TR/scxml/#BasicHTTPEventProcessor";
let logged = [];
let posts = [];
console.log = (...parts) => logged.push(parts.join(" "));

function fail(error) {
  if (error) {
    process.stderr.write(`${error.stack || error}\n`);
    process.exit(1);
  }
}

scxml.pathToModel(process.argv[2], (error, model) => {
  fail(error);
  model.prepare((problem, prepared) => {
    fail(problem);
    const chart = new scxml.core.Statechart(prepared, { console });
    const send = chart._scriptingContext.send;
    chart._scriptingContext.send = function (event, options, ...more) {
      if (event.type !== HTTP && (options || {}).type !== HTTP) {
        return send.call(this, event, options, ...more);
      }
      posts.push({ target: event.target, body: event.data });
    };
    chart.start();
    answer();
    readline.createInterface({ input: process.stdin }).on("line", (line) => {
      const command = JSON.parse(line);
      if (command.event) chart.gen({ name: command.event, data: command.data });
      if (command.advance) advance(command.advance);
      answer();
    });

    function answer() {
      const said = { states: chart.getConfiguration(), logged, posts };
      process.stdout.write(`${JSON.stringify(said)}\n`);
      logged = [];
      posts = [];
    }

    function advance(milliseconds) {
      now += milliseconds;
      for (const one of delayed.filter((waiting) => waiting.at <= now)) {
        global.clearTimeout(one.id);
        one.run();
      }
    }
  });
});
