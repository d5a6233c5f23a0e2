// What the stand-ins' requests have in common.
package standin;

import com.genesyslab.platform.commons.protocol.Message;
import java.util.LinkedHashMap;
import java.util.Map;

public abstract class IxnRequest implements Message {
    protected final Map<String, Object> fields = new LinkedHashMap<>();

    @Override
    public int messageId() {
        return 0;
    }
}
