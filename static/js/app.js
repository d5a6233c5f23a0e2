// Started on every page of the frame. Each module looks for its own elements and does nothing without them.

import { startBoard } from "./board.js";
import { startComposing } from "./composing.js";
import { startCopy } from "./copy.js";
import { startDialogs } from "./dialogs.js";
import { startDrafts } from "./drafts.js";
import { startHtmx } from "./requests.js";
import { startInsert } from "./insert.js";
import { startJump } from "./jump.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startPicker } from "./picker.js";
import { startSession } from "./session.js";
import { startSubmitting } from "./submitting.js";
import { startTheme } from "./theme.js";
import { startTimes } from "./times.js";
import { startToasts } from "./toasts.js";
import { startUnsaved } from "./unsaved.js";
import { startZones } from "./zones.js";

startTheme();
startDialogs();
startCopy();
startToasts();
startHtmx();
startTimes();
startKeys();
startPicker();
startBoard();
startInsert();
startZones();
startJump();
startLive();
startSession();
startComposing();
startUnsaved();
startDrafts();
startSubmitting();
