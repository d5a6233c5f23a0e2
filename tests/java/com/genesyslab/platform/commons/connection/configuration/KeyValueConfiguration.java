// A stand-in of this project's own: public names alone, none of the vendor's code (docs/transports.md).
package com.genesyslab.platform.commons.connection.configuration;

import com.genesyslab.platform.commons.collections.KeyValueCollection;

public class KeyValueConfiguration implements ConnectionConfiguration {
    public final KeyValueCollection options;

    public KeyValueConfiguration(KeyValueCollection options) {
        this.options = options;
    }
}
