// A stand-in of this project's own: public names alone, none of the vendor's code (docs/transports.md).
package com.genesyslab.platform.commons.protocol;

public enum ChannelState { Opening, Opened, Closing, Closed }
