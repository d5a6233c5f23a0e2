// Started on every page of the frame. Each module looks for its own elements and does nothing without them.

import { startBoard } from "./board.js";
import { startCopy } from "./copy.js";
import { startDialogs } from "./dialogs.js";
import { startFocus } from "./focus.js";
import { startHtmx } from "./requests.js";
import { startInsert } from "./insert.js";
import { startJump } from "./jump.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startPicker } from "./picker.js";
import { startTheme } from "./theme.js";
import { startTimes } from "./times.js";
import { startToasts } from "./toasts.js";
import { startZones } from "./zones.js";

startTheme();
startDialogs();
startCopy();
startToasts();
startHtmx();
startFocus();
startTimes();
startKeys();
startPicker();
startBoard();
startInsert();
startZones();
startJump();
startLive();
